// The messages of a chat as callers send them: a zod schema, and what each role may carry. Knows no template.
import { z } from 'zod';

const textPart = z.strictObject({ type: z.literal('text'), text: z.string() });

const sentCall = z.strictObject({
  id: z.string(),
  type: z.literal('function').optional(),
  /** Some clients leave a delta's index in. */
  index: z.int().optional(),
  function: z.strictObject({ name: z.string().min(1), arguments: z.string() }),
});

const fields = z.strictObject({
  role: z.enum(['system', 'developer', 'user', 'assistant', 'tool']),
  content: z
    .union([z.string(), z.array(textPart).min(1)])
    .nullish()
    .describe('Only of an assistant that calls tools may it be absent.'),
  name: z.string().nullish().describe('Of who speaks; the template may show it.'),
  tool_calls: z.array(sentCall).nullish().describe('Of an assistant: its calls.'),
  tool_call_id: z.string().nullish().describe('Of a tool: the call that this is the result of.'),
  reasoning_content: z
    .string()
    .nullish()
    .describe("Of an assistant: what it thought; most templates leave earlier turns' out."),
  /** Allowed as null, which is how an answer's message that is sent back writes them. */
  refusal: z.null().optional(),
  audio: z.null().optional(),
  function_call: z.null().optional(),
});
type MessageFields = z.infer<typeof fields>;

/** Fields that belong to one role. */
const ownFields = { tool_calls: 'assistant', reasoning_content: 'assistant', tool_call_id: 'tool' } as const;

export const message = fields.superRefine((value, context) => {
  const fault = messageFault(value);
  if (fault === undefined) return;
  const { field, problem, code } = fault;
  context.addIssue({ code: 'custom', path: [field], message: problem, params: { code } });
});
export type ChatMessage = MessageFields;

interface MessageFault {
  field: keyof MessageFields;
  problem: string;
  code: string;
}

function messageFault({ role, ...value }: MessageFields): MessageFault | undefined {
  const calls = (value.tool_calls ?? []).length > 0;
  const given = { ...value, tool_calls: calls ? value.tool_calls : undefined };
  for (const [field, owner] of Object.entries(ownFields) as [keyof typeof ownFields, string][]) {
    if ((given[field] ?? undefined) === undefined || role === owner) continue;
    const problem = `Invalid message: '${field}' belongs to messages with the role '${owner}', and this one's is '${role}'.`;
    return { field, problem, code: 'invalid_value' };
  }
  const missing = (field: keyof MessageFields) => {
    const problem = `Missing required parameter: a message with the role '${role}' needs '${field}'.`;
    return { field, problem, code: 'missing_required_parameter' };
  };
  if ((given.content ?? undefined) === undefined && !calls) return missing('content');
  if (role === 'tool' && typeof given.tool_call_id !== 'string') return missing('tool_call_id');
  return undefined;
}
