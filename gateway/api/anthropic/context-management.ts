// What a request asks to be left out of a long conversation. Nothing is left out here: an edit that would come into force is
// refused, and one that would not is honoured by doing nothing. Pure; knows no tokens but their number.
import { z } from 'zod';
import { badRequest } from '../errors.ts';
import { noEffect } from '../no-effect.ts';
import type { Message } from './blocks.ts';

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
const clearToolUses = z.looseObject({
  type: z.literal('clear_tool_uses_20250919'),
  trigger: z.discriminatedUnion('type', [inputTokens, toolUses]).nullish(),
});
const compact = z.looseObject({ type: z.literal('compact_20260112'), trigger: inputTokens.nullish() });

const edit = z.discriminatedUnion('type', [clearThinking, clearToolUses, compact]);
type Edit = z.infer<typeof edit>;

export const contextManagement = noEffect(
  z.strictObject({ edits: z.array(edit).nullish() }).nullish(),
  'context_management',
);
export type ContextManagement = z.infer<typeof contextManagement>;

/** Anthropic's, for edits that name no trigger. */
const defaultTrigger = { clear_tool_uses_20250919: 100_000, compact_20260112: 150_000 } as const;

interface Conversation {
  messages: readonly Message[];
  /** Tokens of the prompt. */
  promptTokens: number;
}

/** Throws a 400 for the first edit that would change this conversation. */
export function refuseEdits(management: ContextManagement, conversation: Conversation): void {
  for (const [i, edit] of (management?.edits ?? []).entries()) {
    const reason = whyInForce(edit, conversation);
    if (reason === undefined) continue;
    const param = `context_management.edits[${i}]`;
    const message = `Unsupported value: '${param}' is not supported: this server leaves nothing out of a conversation, and ${reason}. Remove the edit, or what it would leave out.`;
    throw badRequest(message, { param, code: 'unsupported_value' });
  }
}

/** Undefined where the edit would leave out nothing. */
function whyInForce(edit: Edit, { messages, promptTokens }: Conversation): string | undefined {
  if (edit.type === 'clear_thinking_20251015') {
    const kept = keptTurns(edit.keep);
    const turns = messages.filter((message) => holds(message, 'thinking')).length;
    return turns > kept ? `${turns} turns hold thinking, of which it keeps ${kept}` : undefined;
  }
  const trigger = edit.trigger ?? { type: 'input_tokens', value: defaultTrigger[edit.type] };
  if (trigger.type === 'input_tokens') {
    if (promptTokens <= trigger.value) return undefined;
    return `the prompt's ${promptTokens} tokens are more than its trigger of ${trigger.value}`;
  }
  const uses = messages.reduce((total, message) => total + countOf(message, 'tool_use'), 0);
  return uses > trigger.value
    ? `${uses} uses of tools are more than its trigger of ${trigger.value}`
    : undefined;
}

/** Without `keep`, Anthropic keeps the last one. */
function keptTurns(keep: z.infer<typeof clearThinking>['keep']): number {
  if (keep === undefined || keep === null) return 1;
  return keep === 'all' || keep.type === 'all' ? Number.POSITIVE_INFINITY : keep.value;
}

function holds(message: Message, type: string): boolean {
  return countOf(message, type) > 0;
}

function countOf({ content }: Message, type: string): number {
  return Array.isArray(content) ? content.filter((block) => block.type === type).length : 0;
}
