// Chooses the best answers to a prompt for `best_of`.
import type { AnswerToken } from '../answer-text.ts';

interface Choice {
  index: number;
  tokens: readonly AnswerToken[];
}

/**
 * For each prompt, returns the `wanted` choices with the highest mean log-probability, best first and renumbered. `choices` are in
 * order of index and contain `made` choices for each prompt. An answer without tokens ranks last. Equal answers keep their order.
 */
export function bestChoices<Made extends Choice>(
  choices: readonly Made[],
  { made, wanted }: { made: number; wanted: number },
): Made[] {
  if (made === wanted) return [...choices];
  const best: Made[] = [];
  for (let first = 0; first < choices.length; first += made) {
    const ofPrompt = choices.slice(first, first + made);
    const means = new Map(ofPrompt.map((choice) => [choice, meanLogprob(choice)]));
    const ranked = ofPrompt.toSorted((a, b) => (means.get(b) ?? 0) - (means.get(a) ?? 0));
    best.push(...ranked.slice(0, wanted));
  }
  return best.map((choice, index) => ({ ...choice, index }));
}

/** Always finite, because the order is made from differences, and the difference of two infinities is NaN. */
function meanLogprob({ tokens }: Choice): number {
  if (tokens.length === 0) return -Number.MAX_VALUE;
  const sum = tokens.reduce((total, { logprob }) => total + (logprob ?? Number.NEGATIVE_INFINITY), 0);
  return Math.max(sum / tokens.length, -Number.MAX_VALUE);
}
