// A table of numbers over time: one row a step of time, the oldest overwritten. Pure; the clock is given.

export interface RingOptions {
  /** Numbers in a row. */
  columns: number;
  /** Rows that are kept. */
  rows: number;
  stepMs: number;
}

/** Rows one after another, by column; null: not known. */
export interface Stretch {
  /** When the first row begins; milliseconds. */
  startMs: number;
  columns: (number | null)[][];
}

export class Ring {
  readonly stepMs: number;
  readonly rows: number;
  readonly #columns: number;
  /** `[rows, columns]`; NaN: not known. */
  readonly #values: Float32Array;
  /** Number of the newest row since the epoch, and of the first that was ever put. */
  #newest = -1;
  #first = 0;

  constructor({ columns, rows, stepMs }: RingOptions) {
    this.#columns = columns;
    this.rows = rows;
    this.stepMs = stepMs;
    this.#values = new Float32Array(columns * rows).fill(Number.NaN);
  }

  get bytes(): number {
    return this.#values.byteLength;
  }

  /** Sets the row that `atMs` falls into. Rows that were left out since the last one are unknown; an older row is not kept. */
  put(atMs: number, values: readonly (number | undefined)[]): void {
    const row = Math.floor(atMs / this.stepMs);
    if (this.#newest === -1) this.#first = row;
    else if (row < this.#newest) return;
    else this.#forget(row - this.#newest);
    this.#newest = row;
    const offset = this.#offset(row);
    for (let column = 0; column < this.#columns; column++) {
      this.#values[offset + column] = values[column] ?? Number.NaN;
    }
  }

  /** Rows that begin after `afterMs`, up to the newest one. */
  since(afterMs: number): Stretch {
    const oldest = Math.max(this.#first, this.#newest - this.rows + 1);
    const from = Math.max(oldest, Math.floor(afterMs / this.stepMs) + 1);
    const rows = this.#newest === -1 ? 0 : Math.max(0, this.#newest - from + 1);
    const columns = Array.from({ length: this.#columns }, (_, column) =>
      Array.from({ length: rows }, (_, i) => {
        const value = this.#values[this.#offset(from + i) + column] ?? Number.NaN;
        return Number.isNaN(value) ? null : value;
      }),
    );
    return { startMs: rows === 0 ? 0 : from * this.stepMs, columns };
  }

  /** The next `rows` rows are unknown until they are put. */
  #forget(rows: number): void {
    for (let i = 1; i <= Math.min(rows, this.rows); i++) {
      const offset = this.#offset(this.#newest + i);
      this.#values.fill(Number.NaN, offset, offset + this.#columns);
    }
  }

  #offset(row: number): number {
    return (row % this.rows) * this.#columns;
  }
}
