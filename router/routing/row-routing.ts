// How many experts each row of a step takes in each layer, if some request sets it. A row's numbers depend only on its request, on
// its own scores and, with an expert capacity, on the rows before it in its prompt. So they are the same in any batch.
import { type Assignment, firstSlot } from './assignment.ts';
import type { PerToken, RequestRouting } from './request-routing.ts';

/** How many experts each row of a layer takes. Between the two, the row's scores decide (selection.ts). */
export interface RowLimits {
  /** `[rows]` */
  least: Uint16Array;
  /** `[rows]` */
  most: Uint16Array;
}

export class RowRouting {
  /** `[rows]` */
  readonly #rows: readonly RequestRouting[];
  /** `[layers]`, the checkpoint's numbers. */
  readonly #own: readonly number[];
  readonly #perToken: PerToken;
  /** `[rows]`, calls of experts in the layers so far. */
  readonly #calls: Uint32Array;
  #layer = 0;

  constructor(rows: readonly RequestRouting[], own: readonly number[], perToken: PerToken) {
    this.#rows = rows;
    this.#own = own;
    this.#perToken = perToken;
    this.#calls = new Uint32Array(rows.length);
  }

  /** The limits of the next layer. Undefined: all rows take the checkpoint's number. */
  limits(): RowLimits | undefined {
    const own = this.#own[this.#layer]!;
    const ranges = this.#rows.map((routing, row) => this.#range(routing, row));
    if (ranges.every(({ least, most }) => least === own && most === own)) return undefined;
    return {
      least: Uint16Array.from(ranges, ({ least }) => least),
      most: Uint16Array.from(ranges, ({ most }) => most),
    };
  }

  /** To be called with the assignment of each layer, in order. */
  took(assignment: Assignment): void {
    for (let row = 0; row < this.#calls.length; row++) {
      this.#calls[row]! += firstSlot(assignment, row + 1) - firstSlot(assignment, row);
    }
    this.#layer++;
  }

  /** Calls of experts by `count` rows from `first` on, in the layers so far. */
  calls(first: number, count: number): number {
    return this.#calls.subarray(first, first + count).reduce((sum, calls) => sum + calls, 0);
  }

  #range({ expertsPerToken, unsureBudget }: RequestRouting, row: number): PerToken {
    const { least, most } = this.#perToken;
    if (unsureBudget === undefined) {
      const k = expertsPerToken?.[this.#layer] ?? this.#own[this.#layer]!;
      return { least: k, most: k };
    }
    const later = this.#own.length - this.#layer - 1;
    const left = unsureBudget - this.#calls[row]! - later * least;
    return { least, most: Math.min(most, left) };
  }
}
