// Chooses the best answers to a prompt for `best_of`.
import type { AnswerToken } from './answer-text.ts';

interface Choice {
  index: number;
  tokens: readonly AnswerToken[];
}

/**
 * Returns the `wanted` choices of each prompt with the highest mean log-probability, best first and renumbered. `choices` are in
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
    const ranked = ofPrompt.toSorted((a, b) => compare(means.get(b), means.get(a)));
    best.push(...ranked.slice(0, wanted));
  }
  return best.map((choice, index) => ({ ...choice, index }));
}

function meanLogprob({ tokens }: Choice): number {
  if (tokens.length === 0) return Number.NEGATIVE_INFINITY;
  const sum = tokens.reduce((total, { logprob }) => total + (logprob ?? Number.NEGATIVE_INFINITY), 0);
  return sum / tokens.length;
}

/** Does not subtract equal values, because the difference of two infinities is NaN. */
function compare(a = Number.NEGATIVE_INFINITY, b = Number.NEGATIVE_INFINITY): number {
  return a === b ? 0 : a - b;
}
