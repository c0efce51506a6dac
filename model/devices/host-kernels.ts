// Our CPU kernels for the engine's own work: picking tokens and adding experts' answers. They are faster than JavaScript.
import type { Kernels } from '../../kernels/kernels.ts';
import type { Rows } from './dense.ts';

export interface DrawSettings {
  /** Above 0. */
  temperature: number;
  /** 1 keeps all tokens. */
  topP: number;
  /** 0 keeps all tokens. */
  topK: number;
  /** 0 keeps all tokens. */
  minP: number;
}

/** Picks a token id from a row of logits `[vocab]`, as gateway/engine/sampling/sampler.ts defines it. */
export interface TokenPicker {
  /** The id of the highest logit; among equals the lowest id. */
  likeliest(logits: Float32Array): number;
  /** An id drawn by the random number `u` in [0, 1). */
  draw(logits: Float32Array, settings: DrawSettings, u: number): number;
}

/** The part of router/routing/assignment.ts that `combine` needs. */
interface SlotWeights {
  k: number;
  weights: Float32Array;
  starts?: Uint32Array;
}

export interface HostKernels {
  picker: TokenPicker;
  /** Adds the experts' answers to the residual stream in place, with the same bits as router/combine.ts. */
  combine(residual: Rows, answers: Rows, assignment: SlotWeights, hidden: number, mask?: Uint8Array): void;
}

export function createHostKernels(kernels: Kernels): HostKernels {
  const id = new Int32Array(1);
  const logit = new Float32Array(1);
  return {
    picker: {
      likeliest(logits) {
        kernels.argmax(logits, 1, logits.length, id, logit);
        if (!Number.isFinite(logit[0])) throw new Error('no token has a finite logit');
        return id[0]!;
      },
      draw: (logits, { temperature, topP, topK, minP }, u) =>
        kernels.draw(logits, logits.length, temperature, topP, Math.min(topK, logits.length), minP, u),
    },
    combine(residual, answers, { k, weights, starts }, hidden, mask) {
      const rows = residual.length / hidden;
      if (starts === undefined) return kernels.combine(residual, answers, weights, k, hidden, rows, mask);
      for (const { from, to, k: own } of runsOf(starts)) {
        const [first, end] = [starts[from]!, starts[to]!];
        kernels.combine(
          residual.subarray(from * hidden, to * hidden),
          answers.subarray(first * hidden, end * hidden),
          weights.subarray(first, end),
          own,
          hidden,
          to - from,
          mask?.subarray(from, to),
        );
      }
    },
  };
}

/** The longest runs of rows with the same number of slots, `k`. Rows without slots are left out. */
function* runsOf(starts: Uint32Array): Generator<{ from: number; to: number; k: number }> {
  const rows = starts.length - 1;
  const slotsOf = (row: number) => starts[row + 1]! - starts[row]!;
  for (let from = 0, to = 1; from < rows; from = to, to++) {
    const k = slotsOf(from);
    while (to < rows && slotsOf(to) === k) to++;
    if (k > 0) yield { from, to, k };
  }
}
