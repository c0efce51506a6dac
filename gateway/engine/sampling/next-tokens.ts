// Samples the next tokens of one sequence from the logits of a step.
import type { TokenPicker } from '../../../model/devices/host-kernels.ts';
import type { Counters } from '../counters.ts';
import type { Due } from '../step.ts';
import { digestOf } from './digest.ts';
import { sample } from './sampler.ts';

interface NextTokensOptions {
  vocab: number;
  picker: TokenPicker;
  counters: Counters;
}

/** Most time for finding the ids that a constraint allows after a draft. A decode row takes about as long. */
const PREPARE_MS = 2;

/** Samples row after row. Row 0 follows the last known id; row i follows draft i, and is used only if that draft was right. */
export function sampleNext(
  { sequence, logits, routes }: Due,
  { vocab, picker, counters }: NextTokensOptions,
): void {
  if (sequence.finishIfComplete()) return;
  const { request, generated, seen, constraint, drafts } = sequence;
  const { sampling: settings, logprobs } = request;
  let kept = 0;
  for (let row = 0; row * vocab < logits.length && !sequence.ended; row++) {
    const until = performance.now() + PREPARE_MS;
    if (row > 0 && constraint?.prepare(() => performance.now() >= until) === false) break;
    const ofRow = logits.subarray(row * vocab, (row + 1) * vocab);
    const digest = request.digests ? digestOf(ofRow) : undefined;
    const position = sequence.length;
    const sampled = sample({
      logits: ofRow,
      settings,
      position,
      generated,
      seen,
      constraint,
      barred: sequence.barred,
      picker,
      logprobs,
    });
    sequence.take(sampled, { digest, route: routes?.[row] });
    counters.generated_tokens++;
    if (sampled.id !== drafts[row]) break;
    kept++;
  }
  counters.guessed_tokens += drafts.length;
  counters.kept_guesses += kept;
  sequence.settle();
}
