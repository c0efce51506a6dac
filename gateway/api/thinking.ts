// Models that think before they answer: which tags part the thinking from the answer, whether a prompt has begun it, how
// long it may be. Pure; knows no wire format.
import type { ConstraintSpec } from '../constraints/specification.ts';
import { badRequest } from './errors.ts';
import type { Tokenizer } from './tokenizer.ts';

export const reasoningEfforts = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'] as const;
export type ReasoningEffort = (typeof reasoningEfforts)[number];

/** Tokens of thinking, at most. */
const budgets: Record<ReasoningEffort, number | undefined> = {
  none: 0,
  minimal: 128,
  low: 512,
  medium: 2048,
  high: 8192,
  xhigh: undefined,
  max: undefined,
};

export interface ThinkingTags {
  begin: string;
  end: string;
}

/** Qwen3's, DeepSeek-R1's and most others'; then Mistral's, Seed's, and one of prompts' own. */
const knownTags: readonly ThinkingTags[] = [
  { begin: '<think>', end: '</think>' },
  { begin: '[THINK]', end: '[/THINK]' },
  { begin: '<seed:think>', end: '</seed:think>' },
  { begin: '<thinking>', end: '</thinking>' },
];

/** Of a template's source: one that knows the end of thinking takes it out of earlier turns, or begins it in the new one. */
export function thinkingTagsOf(source: string): ThinkingTags | undefined {
  return knownTags.find(({ end }) => source.includes(end));
}

/** What a prompt leaves to the answer: thinking that has begun, none, or the choice. */
export type ThinkingState = 'open' | 'closed' | 'free';

/** `prompt`: its text, which ends where the assistant begins to write. */
export function thinkingState(prompt: string, { begin, end }: ThinkingTags): ThinkingState {
  const text = prompt.trimEnd();
  if (text.endsWith(begin)) return 'open';
  return text.endsWith(end) ? 'closed' : 'free';
}

interface ThinkingFields {
  reasoning_effort?: ReasoningEffort | null | undefined;
  max_thinking_tokens?: number | null | undefined;
}

const EFFORT = 'reasoning_effort';

/** An effort is a limit of thinking, which a model that cannot think keeps by itself. */
export function idleThinking(
  { reasoning_effort: effort }: ThinkingFields,
  tags: ThinkingTags | undefined,
): string[] {
  return tags === undefined && typeof effort === 'string' ? [EFFORT] : [];
}

/** Every name that `idleThinking` may give. */
export const namesOfIdleThinking: readonly string[] = [EFFORT];

/** Undefined: no limit. A 400 by name if the model does not think and tokens are asked for to think with. */
export function thinkingBudget(
  { reasoning_effort: effort, max_thinking_tokens: most }: ThinkingFields,
  { tags, model }: { tags: ThinkingTags | undefined; model: string },
): number | undefined {
  if (tags === undefined && typeof most === 'number' && most > 0) {
    const param = 'max_thinking_tokens';
    const message = `Unsupported parameter: '${param}' is not supported: the chat template of the model '${model}' knows no thinking.`;
    throw badRequest(message, { param, code: 'unsupported_parameter' });
  }
  return most ?? (typeof effort === 'string' ? budgets[effort] : undefined);
}

/** Variables by which templates turn thinking on and off; one that knows neither has its budget alone. */
export function thinkingVariables({
  reasoning_effort: effort,
  max_thinking_tokens: most,
}: ThinkingFields): Record<string, unknown> {
  if (typeof effort !== 'string' && most !== 0) return {};
  const on = effort !== 'none' && most !== 0;
  return {
    enable_thinking: on,
    thinking: on,
    ...(typeof effort === 'string' && { reasoning_effort: effort }),
  };
}

interface SpecOptions {
  tags: ThinkingTags;
  /** Not of a closed prompt. */
  open: boolean;
  budget: number | undefined;
  tokenizer: Tokenizer;
}

/** Thinking within its budget and then what `then` allows; undefined where neither limits anything. */
export function thinkingConstraint(
  then: ConstraintSpec | undefined,
  { tags, open, budget, tokenizer }: SpecOptions,
): ConstraintSpec | undefined {
  if (budget === undefined && then === undefined) return undefined;
  const ids = (tag: string) => tokenizer.encode(tag, { addSpecial: false });
  const limits = { budget, open, begin: ids(tags.begin), end: ids(tags.end) };
  return { type: 'thinking', ...limits, ...(then !== undefined && { then }) };
}
