// A table of numbers over time with one row for each step of time. New rows overwrite the oldest. The caller passes the time.

export interface RingOptions {
  /** Numbers in a row. */
  columns: number;
  /** Largest number of rows. */
  rows: number;
  stepMs: number;
}

/** Consecutive rows, by column. Null: not known. */
export interface Stretch {
  /** Time at which the first row begins. */
  startMs: number;
  columns: (number | null)[][];
}

export class Ring {
  readonly stepMs: number;
  readonly rows: number;
  readonly #columns: number;
  /** `[rows, columns]`. NaN: not known. */
  readonly #values: Float32Array;
  /** Numbers, counted from the epoch, of the newest row and of the first row that was ever written. */
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

  /** Writes the row of `atMs`. Rows that were skipped since the last one are unknown, and older rows are ignored. */
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

  /** The rows that begin after `afterMs`, up to the newest one. */
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

  /** Makes the next `rows` rows unknown until they are written. */
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
