// Models that think before they answer: which tags part the thinking from the answer, whether a prompt has begun it, how
// long it may be. Pure; knows no wire format.
import type { ConstraintSpec } from '../../constraints/specification.ts';
import { badRequest } from '../errors.ts';
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
  enable_thinking?: boolean | null | undefined;
  reasoning_effort?: ReasoningEffort | null | undefined;
  max_thinking_tokens?: number | null | undefined;
  chat_template_kwargs?: Record<string, unknown> | null | undefined;
}

const EFFORT = 'reasoning_effort';
const SWITCH = 'enable_thinking';

/** An effort is a limit of thinking, which a model that cannot think keeps by itself; so is that it shall not think. */
export function idleThinking(
  { reasoning_effort: effort, enable_thinking: on }: ThinkingFields,
  tags: ThinkingTags | undefined,
): string[] {
  if (tags !== undefined) return [];
  return [...(typeof effort === 'string' ? [EFFORT] : []), ...(on === false ? [SWITCH] : [])];
}

/** Every name that `idleThinking` may give. */
export const namesOfIdleThinking: readonly string[] = [EFFORT, SWITCH];

/** Undefined: no limit. A 400 by name if the model does not think and is asked to, or if two fields contradict each other. */
export function thinkingBudget(
  {
    reasoning_effort: effort,
    max_thinking_tokens: most,
    enable_thinking: on,
    chat_template_kwargs: variables,
  }: ThinkingFields,
  { tags, model }: { tags: ThinkingTags | undefined; model: string },
): number | undefined {
  const asked = [(most ?? 0) > 0 && 'max_thinking_tokens', on === true && SWITCH];
  const param = asked.find((name) => name !== false);
  if (tags === undefined && param !== undefined) {
    const message = `Unsupported parameter: '${param}' is not supported: the chat template of the model '${model}' knows no thinking.`;
    throw badRequest(message, { param, code: 'unsupported_parameter' });
  }
  const budget = most ?? (typeof effort === 'string' ? budgets[effort] : undefined);
  const variable = variables?.[SWITCH];
  const differs = typeof on === 'boolean' && variable !== undefined && variable !== on;
  if (differs || (on === true && budget === 0)) {
    const message = `'${SWITCH}' is ${on}, and another field of the request says the contrary.`;
    throw badRequest(message, { param: SWITCH, code: 'invalid_parameter_combination' });
  }
  return on === false ? 0 : budget;
}

/** Variables by which templates turn thinking on and off; one that knows neither has its budget alone. */
export function thinkingVariables({
  reasoning_effort: effort,
  max_thinking_tokens: most,
  enable_thinking: asked,
}: ThinkingFields): Record<string, unknown> {
  if (typeof effort !== 'string' && typeof asked !== 'boolean' && most !== 0) return {};
  const on = effort !== 'none' && most !== 0 && asked !== false;
  return {
    [SWITCH]: on,
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
