// The keys and values of one sequence on the ONNX Runtime devices, in buffers for each layer that grow by doubling.
import type { Rows } from '../dense.ts';

/** Positions that fit a buffer at first. */
export const FIRST_POSITIONS = 64;

/** Number of positions for which the buffers of a sequence with `positions` have room. */
function capacityFor(positions: number): number {
  let capacity = FIRST_POSITIONS;
  while (capacity < positions) capacity *= 2;
  return capacity;
}

/** Width of a head in ONNX Runtime's attention, which takes multiples of 8 only. */
export function paddedHead(headDim: number): number {
  return Math.ceil(headDim / 8) * 8;
}

/** Rows of heads of `from` values as rows of heads of `to` values: cut, or filled up with zeros. */
export function resizeHeads(rows: Rows, from: number, to: number): Rows {
  if (from === to) return rows;
  const heads = rows.length / from;
  const resized = new Float32Array(heads * to);
  for (let head = 0; head < heads; head++) {
    resized.set(rows.subarray(head * from, head * from + Math.min(from, to)), head * to);
  }
  return resized;
}

export class KvCache {
  readonly #heads: number;
  readonly #headDim: number;
  /** Width of a head in the buffers, filled up with zeros. */
  readonly #width: number;
  /** One entry for each layer; keys and values are `[heads, capacity, paddedHead(headDim)]`. */
  readonly #layers: { keys: Rows; values: Rows; capacity: number; length: number }[];

  constructor({ layers, kvHeads, headDim }: { layers: number; kvHeads: number; headDim: number }) {
    this.#heads = kvHeads;
    this.#headDim = headDim;
    this.#width = paddedHead(headDim);
    const empty = new Float32Array(0);
    this.#layers = Array.from({ length: layers }, () => ({
      keys: empty,
      values: empty,
      capacity: 0,
      length: 0,
    }));
  }

  /** The buffers that attention reads. */
  layer(layer: number): { readonly keys: Rows; readonly values: Rows; readonly capacity: number } {
    return this.#layers[layer]!;
  }

  /** Appends `count` positions, from rows `first…` of `keys` and `values [rows, heads * headDim]`. */
  append(layer: number, start: number, keys: Rows, values: Rows, first: number, count: number): void {
    const cache = this.#layers[layer]!;
    if (start !== cache.length) {
      throw new Error(
        `position ${start} of layer ${layer} does not follow the ${cache.length} positions in the KV cache`,
      );
    }
    if (start + count > cache.capacity) this.#grow(layer, capacityFor(start + count));
    const width = this.#headDim;
    const wide = this.#width;
    for (let row = 0; row < count; row++) {
      for (let head = 0; head < this.#heads; head++) {
        const from = ((first + row) * this.#heads + head) * width;
        const to = (head * cache.capacity + start + row) * wide;
        for (let i = 0; i < width; i++) {
          cache.keys[to + i] = keys[from + i]!;
          cache.values[to + i] = values[from + i]!;
        }
      }
    }
    cache.length = start + count;
  }

  #grow(layer: number, capacity: number): void {
    const cache = this.#layers[layer]!;
    const width = this.#width;
    const size = this.#heads * capacity * width;
    const keys = new Float32Array(size);
    const values = new Float32Array(size);
    for (let head = 0; head < this.#heads; head++) {
      const from = head * cache.capacity * width;
      const to = head * capacity * width;
      const length = cache.length * width;
      keys.set(cache.keys.subarray(from, from + length), to);
      values.set(cache.values.subarray(from, from + length), to);
    }
    cache.keys = keys;
    cache.values = values;
    cache.capacity = capacity;
  }
}
