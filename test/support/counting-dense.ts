// A small real dense device that counts: the token after id is id + 1, and the experts' answers must have arrived for it
// to be so. It checks what an engine owes a device: positions in order, sequences opened and closed, chunks long enough.
import type { DenseDevice, Span } from '../../model/devices/dense.ts';

export interface CountingOptions {
  vocab: number;
  layers: number;
  experts: number;
  minPrefillRows?: number;
  bytesPerPosition?: number;
}

export interface CountingDense extends DenseDevice {
  /** Spans of each step, as layer 0 saw them. */
  readonly steps: Span[][];
  readonly open_: ReadonlyMap<number, number>;
}

/** Width of the residual stream: [id, sum of answers, 0, 0]. */
export const countingHidden = 4;

export function createCountingDense({
  vocab,
  layers,
  experts,
  minPrefillRows = 1,
  bytesPerPosition = 1,
}: CountingOptions): CountingDense {
  /** Sequence → positions it has at each layer. */
  const open = new Map<number, number>();
  const steps: Span[][] = [];
  return {
    numericsClass: 'counting',
    minPrefillRows,
    steps,
    open_: open,
    kvBytes: (positions) => positions * bytesPerPosition,
    open(sequence) {
      if (open.has(sequence)) throw new Error(`sequence ${sequence} is open already`);
      open.set(sequence, 0);
    },
    close(sequence) {
      if (!open.delete(sequence)) throw new Error(`sequence ${sequence} is not open`);
    },
    embed: (ids) => Float32Array.from(Array.from(ids).flatMap((id) => [id, 0, 0, 0])),
    async layer(layer, hidden, spans) {
      if (layer === 0) steps.push(spans.map((span) => ({ ...span })));
      for (const { sequence, start, count } of spans) {
        const positions = open.get(sequence);
        if (positions === undefined) throw new Error(`sequence ${sequence} is not open`);
        if (positions !== start) throw new Error(`sequence ${sequence} is at ${positions}, not ${start}`);
        if (layer === layers - 1) open.set(sequence, start + count);
      }
      const rows = hidden.length / countingHidden;
      const scores = new Float32Array(rows * experts);
      for (let row = 0; row < rows; row++)
        scores[row * experts + (hidden[row * countingHidden]! % experts)] = 10;
      return { residual: hidden.slice(), x: hidden.slice(), scores };
    },
    async head(rows) {
      const count = rows.length / countingHidden;
      const logits = new Float32Array(count * vocab);
      for (let row = 0; row < count; row++) {
        const [id, answers] = rows.subarray(row * countingHidden, (row + 1) * countingHidden);
        if (answers === layers) logits[row * vocab + ((id! + 1) % vocab)] = 20;
      }
      return logits;
    },
    async dispose() {},
  };
}
