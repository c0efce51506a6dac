// A table of numbers over time, with one row for each step of time. A full table overwrites its oldest row. The caller
// passes the time.

interface RingOptions {
  /** How many numbers a row has. */
  columns: number;
  /** How many rows the table keeps. */
  rows: number;
  stepMs: number;
}

/** Consecutive rows, as one array for each column. A null value is not known. */
export interface Stretch {
  /** When the first row begins, in milliseconds since the epoch. 0 if there are no rows. */
  startMs: number;
  columns: (number | null)[][];
}

export class Ring {
  readonly stepMs: number;
  readonly rows: number;
  readonly #columns: number;
  /** `[rows][columns]`. NaN: not known. */
  readonly #values: Float32Array;
  /** Numbers of the newest row (-1: none) and of the first row that was ever written. Row 0 begins at the epoch. */
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

  /** Writes the row of the time `atMs`. Rows that are skipped become unknown. A row before the newest one is ignored. */
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

  /** Makes the next `rows` rows after the newest one unknown. */
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
