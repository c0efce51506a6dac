// Models that think before they answer: the tags around the thinking, whether a prompt has begun it, and how long it may be.
import type { ConstraintSpec } from '../../constraints/specification.ts';
import { badRequest } from '../errors.ts';
import type { Tokenizer } from './tokenizer.ts';

export const reasoningEfforts = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'] as const;
export type ReasoningEffort = (typeof reasoningEfforts)[number];

/** Largest number of tokens for thinking. Undefined: no limit. */
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

/** The tags of Qwen3, DeepSeek-R1 and most others, of Mistral, of Seed, and of prompts that ask for thinking. */
const knownTags: readonly ThinkingTags[] = [
  { begin: '<think>', end: '</think>' },
  { begin: '[THINK]', end: '[/THINK]' },
  { begin: '<seed:think>', end: '</seed:think>' },
  { begin: '<thinking>', end: '</thinking>' },
];

/** The tags in a template's source. A template of a model that thinks contains the end tag. */
export function thinkingTagsOf(source: string): ThinkingTags | undefined {
  return knownTags.find(({ end }) => source.includes(end));
}

/** Whether the prompt has begun the thinking, has ended it, or leaves the choice to the model. */
export type ThinkingState = 'open' | 'closed' | 'free';

/** `prompt` is the text up to where the assistant begins. */
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

/** Fields without effect on a model that does not think: an effort only limits thinking, and false only turns it off. */
export function idleThinking(
  { reasoning_effort: effort, enable_thinking: on }: ThinkingFields,
  tags: ThinkingTags | undefined,
): string[] {
  if (tags !== undefined) return [];
  return [...(typeof effort === 'string' ? [EFFORT] : []), ...(on === false ? [SWITCH] : [])];
}

/** Every name that `idleThinking` may return. */
export const namesOfIdleThinking: readonly string[] = [EFFORT, SWITCH];

/** Undefined: no limit. Throws a 400 if a model that does not think is asked to, or if two fields contradict each other. */
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
    const message = `Unsupported parameter: '${param}' is not supported: the chat template of the model '${model}' does not support thinking.`;
    throw badRequest(message, { param, code: 'unsupported_parameter' });
  }
  const budget = most ?? (typeof effort === 'string' ? budgets[effort] : undefined);
  const variable = variables?.[SWITCH];
  const differs = typeof on === 'boolean' && variable !== undefined && variable !== on;
  if (differs || (on === true && budget === 0)) {
    const message = `'${SWITCH}' is ${on}, but another field of the request says the opposite.`;
    throw badRequest(message, { param: SWITCH, code: 'invalid_parameter_combination' });
  }
  return on === false ? 0 : budget;
}

/** Variables that turn thinking on and off in templates. In a template without them, only the budget limits thinking. */
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
  /** Whether the prompt has begun the thinking. The constraint is not for prompts that have ended it. */
  open: boolean;
  budget: number | undefined;
  tokenizer: Tokenizer;
}

/** Constrains thinking to its budget and what follows to `then`. Undefined if there is no limit. */
export function thinkingConstraint(
  then: ConstraintSpec | undefined,
  { tags, open, budget, tokenizer }: SpecOptions,
): ConstraintSpec | undefined {
  if (budget === undefined && then === undefined) return undefined;
  const ids = (tag: string) => tokenizer.encode(tag, { addSpecial: false });
  const limits = { budget, open, begin: ids(tags.begin), end: ids(tags.end) };
  return { type: 'thinking', ...limits, ...(then !== undefined && { then }) };
}
