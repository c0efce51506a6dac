// The field `usage` of answers: token counts, and where an answer was computed in another way than usual. Pure.
import { type DegradedHops, rungs } from '../../engine/messages.ts';
import type { ChoiceUsage } from './answer.ts';

export interface Usage {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
  /** Absent if a choice ended before the engine reported the number of cached tokens. */
  prompt_tokens_details?: { cached_tokens: number };
  /** Absent if the model does not think. */
  completion_tokens_details?: { reasoning_tokens: number };
  /** Number of pairs of a row and a layer in which an expert was replaced, by rung of the degradation ladder. Absent: none. */
  degraded_hops?: DegradedHops;
  /** Number of pairs of a row and an expert that a shard of another zone has computed. Absent: none. */
  remote_hops?: number;
  /**
   * Number of calls of experts for the tokens of prompt and answer. Absent if neither the request nor the gateway sets how many a token
   * uses.
   */
  expert_calls?: number;
  /** Number of calls of experts that the tokens of the prompts did without. Absent if the request sets no capacity of experts. */
  dropped_expert_calls?: number;
  /** A gateway of another numerics class or text version generated the beginning. Absent if one class generated the whole answer. */
  continued_on_other_class?: true;
}

export function totalUsage(choices: readonly ChoiceUsage[]): Usage {
  const prompt = sum(choices.map((choice) => choice.promptTokens));
  const completion = sum(choices.map((choice) => choice.completionTokens));
  const cached = choices.flatMap(({ cachedTokens }) => cachedTokens ?? []);
  const reasoning = choices.flatMap(({ reasoningTokens }) => reasoningTokens ?? []);
  const dropped = choices.flatMap(({ droppedCalls }) => droppedCalls ?? []);
  const usage = {
    ...tokenCounts(prompt, completion),
    ...(reasoning.length > 0 && { completion_tokens_details: { reasoning_tokens: sum(reasoning) } }),
    ...provenanceOf({
      degradedHops: totalHops(choices),
      remoteHops: sum(choices.map(({ remoteHops = 0 }) => remoteHops)),
      expertCalls: sum(choices.map(({ expertCalls = 0 }) => expertCalls)),
      droppedCalls: dropped.length === 0 ? undefined : sum(dropped),
      otherClass: choices.some((each) => each.otherClass),
    }),
  };
  if (cached.length < choices.length) return usage;
  return { ...usage, prompt_tokens_details: { cached_tokens: sum(cached) } };
}

export function tokenCounts(prompt: number, completion: number): Usage {
  return { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion };
}

function totalHops(choices: readonly ChoiceUsage[]): DegradedHops | undefined {
  const total: DegradedHops = {};
  for (const rung of rungs) {
    const count = sum(choices.map(({ degradedHops }) => degradedHops?.[rung] ?? 0));
    if (count > 0) total[rung] = count;
  }
  return Object.keys(total).length > 0 ? total : undefined;
}

/** The fields that say where an answer was computed in another way than usual. */
export function provenanceOf({
  degradedHops,
  remoteHops = 0,
  expertCalls = 0,
  droppedCalls,
  otherClass,
}: Pick<ChoiceUsage, 'degradedHops' | 'remoteHops' | 'expertCalls' | 'droppedCalls' | 'otherClass'>): Pick<
  Usage,
  'degraded_hops' | 'remote_hops' | 'expert_calls' | 'dropped_expert_calls' | 'continued_on_other_class'
> {
  return {
    ...(degradedHops !== undefined && { degraded_hops: degradedHops }),
    ...(remoteHops > 0 && { remote_hops: remoteHops }),
    ...(expertCalls > 0 && { expert_calls: expertCalls }),
    ...(droppedCalls !== undefined && { dropped_expert_calls: droppedCalls }),
    ...(otherClass && { continued_on_other_class: true as const }),
  };
}

export function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
