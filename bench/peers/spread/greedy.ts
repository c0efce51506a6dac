// Generates greedily with llama.cpp, with the log probabilities of the two best tokens at each position.
import type { LlamaContextSequence, LlamaModel, Token } from 'node-llama-cpp';

export interface Step {
  id: number;
  /** Natural logarithm of the token's probability, less that of the second best token. */
  gap: number;
}

/** Generates at most `most` tokens after the ids of the prompt. A token that ends the answer is the last step. */
export async function greedySteps(
  model: LlamaModel,
  sequence: LlamaContextSequence,
  { prompt, most }: { prompt: readonly number[]; most: number },
): Promise<Step[]> {
  await sequence.clearHistory();
  const steps: Step[] = [];
  let input = prompt.map((id) => id as Token);
  while (steps.length < most) {
    const step = await nextStep(sequence, input);
    steps.push(step);
    if (model.isEogToken(step.id as Token)) break;
    input = [step.id as Token];
  }
  return steps;
}

async function nextStep(sequence: LlamaContextSequence, input: readonly Token[]): Promise<Step> {
  const last = input.length - 1;
  const outputs = await sequence.controlledEvaluate(
    input.map((id, i) => (i === last ? [id, { generateNext: { logits: true } }] : id)),
  );
  const logits = outputs[last]?.next.logits;
  if (logits === undefined) throw new Error('llama.cpp gave no logits');
  let best = { id: -1, logit: Number.NEGATIVE_INFINITY };
  let second = best;
  for (const [id, logit] of logits) {
    if (logit > best.logit || (logit === best.logit && id < best.id)) [second, best] = [best, { id, logit }];
    else if (logit > second.logit) second = { id, logit };
  }
  return { id: best.id, gap: best.logit - second.logit };
}
