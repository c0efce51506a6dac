// A small dense device that counts: the token after id i is i + 1, but only if the answers of the experts have arrived. It
// reads its inputs from its KV memory. So it fails unless the engine computes every position before it is needed, overwrites no
// blocks, and opens and closes sequences.
import type { DenseDevice, Span } from '../../../model/devices/dense.ts';

export interface CountingOptions {
  vocab: number;
  layers: number;
  experts: number;
  minPrefillRows?: number;
  /** Number of positions in a block of KV memory. Each position counts as one byte. */
  blockSize?: number;
  shared?: boolean;
  /** Computes the next token from all ids before it, which are read from the KV memory. Default: the last id + 1. */
  next?: (ids: readonly number[]) => number;
}

export interface CountingDense extends DenseDevice {
  /** Spans that layer 0 got in each step. */
  readonly steps: Span[][];
  readonly sequences: ReadonlySet<number>;
}

/** Width of the residual stream, which holds [id, sum of answers, next id, 0]. */
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
    // Ids are below 256.
    pages: {
      blockBytes: blockSize,
      read: (block) => Uint8Array.from(memory.subarray(block * blockSize, (block + 1) * blockSize)),
      write: (block, bytes) => memory.set(bytes, block * blockSize),
    },
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
