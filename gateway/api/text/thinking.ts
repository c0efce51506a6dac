// Support for models that think before they answer: finds the tags around the thinking, and limits the number of
// tokens between them.
import type { ConstraintSpec } from '../../constraints/specification.ts';
import { badRequest } from '../errors.ts';
import type { Tokenizer } from './tokenizer.ts';

export const reasoningEfforts = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'] as const;
export type ReasoningEffort = (typeof reasoningEfforts)[number];

/** Largest number of tokens of thinking, by effort. Undefined: no limit. */
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

/** Tags of models whose answers are messages on channels. Other models use the end tag for other purposes. */
const channelTags: ThinkingTags = { begin: '<|channel|>analysis<|message|>', end: '<|end|>' };

/** In this order: tags of most models (such as Qwen3 and DeepSeek-R1), of Mistral, of Seed, and of prompts that ask for thinking. */
const knownTags: readonly ThinkingTags[] = [
  { begin: '<think>', end: '</think>' },
  { begin: '[THINK]', end: '[/THINK]' },
  { begin: '<seed:think>', end: '</seed:think>' },
  { begin: '<thinking>', end: '</thinking>' },
];

/** The tags in the chat template `source`. Undefined if it has no known ones, as for a model that does not think. */
export function thinkingTagsOf(source: string): ThinkingTags | undefined {
  if (source.includes(channelTags.begin)) return channelTags;
  return knownTags.find(({ begin, end }) => source.includes(end) || opens(source, begin));
}

/** Whether the template writes the begin tag at the end of a text, as at the end of a prompt. Prose may only mention the tag. */
function opens(source: string, begin: string): boolean {
  return source.split(begin).some((rest, i) => i > 0 && /^(?:\s|\\n)*(?:['"]|\{%|$)/.test(rest));
}

/** Whether the prompt has begun the thinking (`open`), has ended it (`closed`), or leaves the choice to the model (`free`). */
export function thinkingState(prompt: string, { begin, end }: ThinkingTags): 'open' | 'closed' | 'free' {
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

/** For a model that does not think: names of the request's fields that limit thinking or turn it off. They have no effect. */
export function idleThinking(
  { reasoning_effort: effort, enable_thinking: on }: ThinkingFields,
  tags: ThinkingTags | undefined,
): string[] {
  if (tags !== undefined) return [];
  return [...(typeof effort === 'string' ? [EFFORT] : []), ...(on === false ? [SWITCH] : [])];
}

/** Every name that `idleThinking` may return. */
export const namesOfIdleThinking: readonly string[] = [EFFORT, SWITCH];

/**
 * Largest number of tokens for thinking. Undefined: no limit. Throws a 400 if the request turns thinking on for a model that does not
 * think, or if two fields contradict each other.
 */
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

/** Template variables that turn thinking on or off. If a template does not use them, only the budget limits thinking. */
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
  /** Whether the prompt ends within the thinking. If not, the model may begin the thinking. */
  open: boolean;
  budget: number | undefined;
  tokenizer: Tokenizer;
}

/** Limits thinking to `budget` and constrains the text after the thinking to `then`. Undefined if neither is given. */
export function thinkingConstraint(
  then: ConstraintSpec | undefined,
  { tags, open, budget, tokenizer }: SpecOptions,
): ConstraintSpec | undefined {
  if (budget === undefined && then === undefined) return undefined;
  const ids = (tag: string) => tokenizer.encode(tag, { addSpecial: false });
  const limits = { budget, open, begin: ids(tags.begin), end: ids(tags.end) };
  return { type: 'thinking', ...limits, ...(then !== undefined && { then }) };
}
