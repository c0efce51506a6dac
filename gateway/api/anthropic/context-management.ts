// Leaves out parts of a long conversation that a request asks to clear: earlier thinking, and results of earlier tool calls.
//
// Worked example: with {"type": "clear_tool_uses_20250919", "keep": {"type": "tool_uses", "value": 1}, "trigger": {"type": "tool_uses",
// "value": 2}} a conversation that used tools three times keeps its third result; a line stands in place of the first two.
import { z } from 'zod';
import { badRequest } from '../errors.ts';
import type { AssistantMessage, Message } from './blocks.ts';

const count = z.int().min(0);
const inputTokens = z.strictObject({ type: z.literal('input_tokens'), value: count });
const toolUses = z.strictObject({ type: z.literal('tool_uses'), value: count });

const clearThinking = z.strictObject({
  type: z.literal('clear_thinking_20251015'),
  keep: z
    .union([
      z.literal('all'),
      z.strictObject({ type: z.literal('all') }),
      z.strictObject({ type: z.literal('thinking_turns'), value: count }),
    ])
    .nullish(),
});
const clearToolUses = z.strictObject({
  type: z.literal('clear_tool_uses_20250919'),
  trigger: z.discriminatedUnion('type', [inputTokens, toolUses]).nullish(),
  keep: toolUses.nullish(),
  clear_at_least: inputTokens.nullish(),
  clear_tool_inputs: z.union([z.boolean(), z.array(z.string())]).nullish(),
  exclude_tools: z.array(z.string()).nullish(),
});
const compact = z.strictObject({
  type: z.literal('compact_20260112'),
  trigger: inputTokens.nullish(),
  instructions: z.string().nullish(),
  pause_after_compaction: z.boolean().nullish(),
});

const edit = z.discriminatedUnion('type', [clearThinking, clearToolUses, compact]);
type Edit = z.infer<typeof edit>;
type ClearThinking = z.infer<typeof clearThinking>;
type ClearToolUses = z.infer<typeof clearToolUses>;

export const contextManagement = z.strictObject({ edits: z.array(edit).nullish() }).nullish();
export type ContextManagement = z.infer<typeof contextManagement>;

/** Anthropic's defaults. */
const defaults = {
  keptThinkingTurns: 1,
  keptToolUses: 3,
  clearTrigger: { type: 'input_tokens', value: 100_000 },
  compactTrigger: { type: 'input_tokens', value: 150_000 },
} as const;

/** Replaces a cleared result. */
const CLEARED = '[This result was cleared to make room.]';

/** An edit that changed the conversation, as the answer reports it. */
export interface AppliedEdit {
  type: Edit['type'];
  cleared_input_tokens: number;
  cleared_thinking_turns?: number;
  cleared_tool_uses?: number;
}

export interface Edited {
  messages: Message[];
  applied: AppliedEdit[];
}

/** Returns the number of tokens in the prompt. */
type Count = (messages: Message[]) => Promise<number>;

/** Applies the edits one after another. */
export async function applyEdits(
  management: ContextManagement,
  messages: Message[],
  count: Count,
): Promise<Edited> {
  let edited: Edited = { messages, applied: [] };
  for (const [i, edit] of (management?.edits ?? []).entries()) {
    if (edit.type === 'compact_20260112') refuseCompaction(edit, i, await count(edited.messages));
    else edited = await next(edited, edit, count);
  }
  return edited;
}

async function next(
  { messages, applied }: Edited,
  edit: ClearThinking | ClearToolUses,
  count: Count,
): Promise<Edited> {
  const before = counted(() => count(messages));
  const made =
    edit.type === 'clear_thinking_20251015'
      ? thinkingCleared(messages, edit)
      : await toolUsesCleared(messages, edit, before);
  if (made === undefined) return { messages, applied };
  const cleared_input_tokens = Math.max(0, (await before()) - (await count(made.messages)));
  const least = edit.type === 'clear_tool_uses_20250919' ? (edit.clear_at_least?.value ?? 0) : 0;
  if (cleared_input_tokens < least) return { messages, applied };
  return {
    messages: made.messages,
    applied: [...applied, { type: edit.type, cleared_input_tokens, ...made.told }],
  };
}

type Cleared =
  | { messages: Message[]; told: Pick<AppliedEdit, 'cleared_thinking_turns' | 'cleared_tool_uses'> }
  | undefined;

/** Undefined if there is nothing to clear. */
function thinkingCleared(messages: Message[], { keep }: ClearThinking): Cleared {
  const turns = messages.flatMap((message, i) => (blocksOf(message).some(isThinking) ? [i] : []));
  const older = new Set(turns.slice(0, Math.max(0, turns.length - keptTurns(keep))));
  if (older.size === 0) return undefined;
  const cleared = messages.map((message, i) => {
    if (!older.has(i) || message.role !== 'assistant') return message;
    return { ...message, content: blocksOf(message).filter((block) => !isThinking(block)) };
  });
  return { messages: cleared, told: { cleared_thinking_turns: older.size } };
}

function keptTurns(keep: ClearThinking['keep']): number {
  if (!keep) return defaults.keptThinkingTurns;
  return keep === 'all' || keep.type === 'all' ? Number.POSITIVE_INFINITY : keep.value;
}

/** Undefined if the trigger is not reached, or if there is nothing to clear. */
async function toolUsesCleared(
  messages: Message[],
  edit: ClearToolUses,
  promptTokens: () => Promise<number>,
): Promise<Cleared> {
  const uses = messages.flatMap(blocksOf).filter((block) => block.type === 'tool_use');
  const trigger = edit.trigger ?? defaults.clearTrigger;
  if ((trigger.type === 'tool_uses' ? uses.length : await promptTokens()) <= trigger.value) return undefined;
  const clearable = uses.filter(({ name }) => !edit.exclude_tools?.includes(name));
  const kept = edit.keep?.value ?? defaults.keptToolUses;
  const ids = new Set(clearable.slice(0, Math.max(0, clearable.length - kept)).map(({ id }) => id));
  if (ids.size === 0) return undefined;
  const inputs = edit.clear_tool_inputs;
  const clearsInput = (name: string) => inputs === true || (Array.isArray(inputs) && inputs.includes(name));
  const cleared = messages.map((message): Message => {
    if (typeof message.content === 'string') return message;
    if (message.role === 'user') {
      const content = message.content.map((block) => {
        return block.type === 'tool_result' && ids.has(block.tool_use_id)
          ? { ...block, content: CLEARED }
          : block;
      });
      return { ...message, content };
    }
    if (message.role !== 'assistant') return message;
    const content = message.content.map((block) => {
      return block.type === 'tool_use' && ids.has(block.id) && clearsInput(block.name)
        ? { ...block, input: {} }
        : block;
    });
    return { ...message, content };
  });
  return { messages: cleared, told: { cleared_tool_uses: ids.size } };
}

type AssistantBlock = Exclude<AssistantMessage['content'], string>[number];

function blocksOf(message: Message): AssistantBlock[] {
  return message.role === 'assistant' && Array.isArray(message.content) ? message.content : [];
}

function isThinking({ type }: AssistantBlock): boolean {
  return type === 'thinking' || type === 'redacted_thinking';
}

/** Refuses a compaction that is due, because this server makes no summaries. */
function refuseCompaction({ trigger }: z.infer<typeof compact>, place: number, tokens: number): void {
  const { value } = trigger ?? defaults.compactTrigger;
  if (tokens <= value) return;
  const param = `context_management.edits[${place}]`;
  const message = `Unsupported value: '${param}' is not supported: this server makes no summaries, and the prompt's ${tokens} tokens exceed the edit's trigger of ${value}.`;
  throw badRequest(message, { param, code: 'unsupported_value' });
}

/** Counts at most once. */
function counted(count: () => Promise<number>): () => Promise<number> {
  let known: Promise<number> | undefined;
  return () => (known ??= count());
}
