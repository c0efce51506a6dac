// Applies `context_management`: clears earlier thinking and the results of earlier tool calls from a long conversation, as the
// request asks.
//
// Worked example: {"type": "clear_tool_uses_20250919", "keep": {"type": "tool_uses", "value": 1}, "trigger": {"type":
// "tool_uses", "value": 2}}. A conversation with three tool calls keeps the third result. A fixed line replaces the first two.
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
type ClearThinking = z.infer<typeof clearThinking>;
type ClearToolUses = z.infer<typeof clearToolUses>;

/** Each edit may count the tokens of the conversation. */
const MOST_EDITS = 16;

export const contextManagement = z.strictObject({ edits: z.array(edit).max(MOST_EDITS).nullish() }).nullish();
export type ContextManagement = z.infer<typeof contextManagement>;

/** Anthropic's defaults for fields that an edit leaves out. */
const defaults = {
  keptThinkingTurns: 1,
  keptToolUses: 3,
  clearTrigger: { type: 'input_tokens', value: 100_000 },
  compactTrigger: { type: 'input_tokens', value: 150_000 },
} as const;

/** The line that replaces a cleared result. */
const CLEARED = '[This result was cleared to make room.]';

/** An edit that changed the conversation, in the form in which the answer reports it. */
export interface AppliedEdit {
  type: ClearThinking['type'] | ClearToolUses['type'];
  cleared_input_tokens: number;
  cleared_thinking_turns?: number;
  cleared_tool_uses?: number;
}

/**
 * Applies the edits one after another. `count` returns the number of tokens in a prompt of these messages. If no edit changes the
 * conversation, the result has the array `given` itself.
 */
export async function applyEdits(
  management: ContextManagement,
  given: Message[],
  count: (messages: Message[]) => Promise<number>,
): Promise<{ messages: Message[]; applied: AppliedEdit[] }> {
  let messages = given;
  const applied: AppliedEdit[] = [];
  /** Tokens of `messages`. Undefined until an edit needs their number. */
  let counted: number | undefined;
  const before = async () => (counted ??= await count(messages));
  for (const [i, edit] of (management?.edits ?? []).entries()) {
    if (edit.type === 'compact_20260112') {
      refuseCompaction(edit, i, await before());
      continue;
    }
    const cleared =
      edit.type === 'clear_thinking_20251015'
        ? thinkingCleared(messages, edit)
        : await toolUsesCleared(messages, edit, before);
    if (cleared === undefined) continue;
    const [uncleared, after] = [await before(), await count(cleared.messages)];
    const cleared_input_tokens = Math.max(0, uncleared - after);
    const least = edit.type === 'clear_tool_uses_20250919' ? (edit.clear_at_least?.value ?? 0) : 0;
    if (cleared_input_tokens < least) continue;
    messages = cleared.messages;
    counted = after;
    applied.push({ type: edit.type, cleared_input_tokens, ...cleared.counts });
  }
  return { messages, applied };
}

type Cleared =
  | { messages: Message[]; counts: Pick<AppliedEdit, 'cleared_thinking_turns' | 'cleared_tool_uses'> }
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
  return { messages: cleared, counts: { cleared_thinking_turns: older.size } };
}

function keptTurns(keep: ClearThinking['keep']): number {
  if (!keep) return defaults.keptThinkingTurns;
  return keep === 'all' || keep.type === 'all' ? Number.POSITIVE_INFINITY : keep.value;
}

/** Undefined if the trigger is not exceeded, or if there is nothing to clear. */
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
      const content = message.content.map((block) =>
        block.type === 'tool_result' && ids.has(block.tool_use_id) ? { ...block, content: CLEARED } : block,
      );
      return { ...message, content };
    }
    if (message.role !== 'assistant') return message;
    const content = message.content.map((block) =>
      block.type === 'tool_use' && ids.has(block.id) && clearsInput(block.name)
        ? { ...block, input: {} }
        : block,
    );
    return { ...message, content };
  });
  return { messages: cleared, counts: { cleared_tool_uses: ids.size } };
}

type AssistantBlock = Exclude<AssistantMessage['content'], string>[number];

function blocksOf(message: Message): AssistantBlock[] {
  return message.role === 'assistant' && Array.isArray(message.content) ? message.content : [];
}

function isThinking({ type }: AssistantBlock): boolean {
  return type === 'thinking' || type === 'redacted_thinking';
}

/** Throws a 400 if the prompt exceeds the trigger of a compaction, because this server makes no summaries. */
function refuseCompaction({ trigger }: z.infer<typeof compact>, place: number, tokens: number): void {
  const { value } = trigger ?? defaults.compactTrigger;
  if (tokens <= value) return;
  const param = `context_management.edits[${place}]`;
  const message = `Unsupported value: '${param}' is not supported: this server makes no summaries, and the prompt's ${tokens} tokens exceed the edit's trigger of ${value}.`;
  throw badRequest(message, { param, code: 'unsupported_value' });
}
