// A small real dense device that counts: the token after id is id + 1, but only if the experts' answers have arrived. It reads
// its inputs from its KV memory and so checks what an engine must do: compute every position before it is read, overwrite no
// blocks, and open and close sequences.
import type { DenseDevice, Span } from '../../../model/devices/dense.ts';

export interface CountingOptions {
  vocab: number;
  layers: number;
  experts: number;
  minPrefillRows?: number;
  /** Positions in a block of KV memory. Each takes a byte. */
  blockSize?: number;
  shared?: boolean;
  /** The next token, computed from all ids before it as they lie in the KV memory. */
  next?: (ids: readonly number[]) => number;
}

export interface CountingDense extends DenseDevice {
  /** Spans of each step, as layer 0 saw them. */
  readonly steps: Span[][];
  readonly sequences: ReadonlySet<number>;
}

/** Width of the residual stream: [id, sum of answers, next id, 0]. */
export const countingHidden = 4;

export function createCountingDense({
  vocab,
  layers,
  experts,
  minPrefillRows = 1,
  blockSize = 4,
  shared = true,
  next = (ids) => ids.at(-1)! + 1,
}: CountingOptions): CountingDense {
  const sequences = new Set<number>();
  const steps: Span[][] = [];
  /** The id at each position of each block; -1 if none was written. */
  let memory = new Int32Array(0);
  const place = ({ blocks }: Span, position: number) => {
    const block = blocks[Math.floor(position / blockSize)];
    if (block === undefined) throw new Error(`position ${position} has no block`);
    return block * blockSize + (position % blockSize);
  };
  return {
    numericsClass: 'counting',
    minPrefillRows,
    kv: { blockSize, blockBytes: blockSize, shared },
    steps,
    sequences,
    allocate(blocks) {
      memory = new Int32Array(blocks * blockSize).fill(-1);
    },
    open(sequence) {
      if (sequences.has(sequence)) throw new Error(`sequence ${sequence} is open already`);
      sequences.add(sequence);
    },
    close(sequence) {
      if (!sequences.delete(sequence)) throw new Error(`sequence ${sequence} is not open`);
    },
    embed: (ids) => Float32Array.from(Array.from(ids).flatMap((id) => [id, 0, 0, 0])),
    async layer(layer, hidden, spans) {
      const residual = hidden.slice();
      if (layer === 0) {
        steps.push(spans.map((span) => ({ ...span, blocks: [...span.blocks] })));
        let row = 0;
        for (const span of spans) {
          if (!sequences.has(span.sequence)) throw new Error(`sequence ${span.sequence} is not open`);
          for (let position = span.start; position < span.start + span.count; position++, row++) {
            memory[place(span, position)] = hidden[row * countingHidden]!;
            const ids = Array.from({ length: position + 1 }, (_, i) => memory[place(span, i)]!);
            if (ids.includes(-1)) throw new Error(`a position before ${position} was never computed`);
            residual[row * countingHidden + 2] = next(ids) % vocab;
          }
        }
      }
      const rows = hidden.length / countingHidden;
      const scores = new Float32Array(rows * experts);
      for (let row = 0; row < rows; row++)
        scores[row * experts + (hidden[row * countingHidden]! % experts)] = 10;
      return { residual, x: residual.slice(), scores };
    },
    async head(rows) {
      const count = rows.length / countingHidden;
      const logits = new Float32Array(count * vocab);
      for (let row = 0; row < count; row++) {
        const [, answers, following] = rows.subarray(row * countingHidden, (row + 1) * countingHidden);
        if (answers === layers) logits[row * vocab + following!] = 20;
      }
      return logits;
    },
    async dispose() {},
  };
}
