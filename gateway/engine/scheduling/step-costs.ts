// Learns the cost of rows from past steps: a time for all decode rows together, and an additional time for each prefill row and
// each draft. Callers measure the time. Pure.
//
// Worked example: 8 decode rows take 20 ms. With 50 prefill rows the step takes 45 ms, so a prefill row costs 0.5 ms. If
// prefill may take half of a step, 20 / 0.5 = 40 prefill rows fit beside the 8 decode rows.
import { DraftCost } from './draft-cost.ts';
import { RowCost } from './row-cost.ts';

/** Weight of the latest step in a learnt cost. */
const MEMORY = 0.2;
/** A measured cost counts as at most this many times the learnt cost, and at least 1 / ODD of it. */
const ODD = 2;
/** Until it is measured, a prefill row beside decode rows is assumed to cost this many times as much as without decode rows. */
const BESIDE = 1.5;
/** Measured with nano on two cores: with 1, p99 gaps were 1.9 times as long and first tokens 2.8 times; with this value 2.0 and 2.3. */
const LEAN = 1.3;
/** `evenShare` assumes that a prefill row beside decode rows costs at most this many times as much as without them. */
const MOST_BESIDE = 3;
/** A step of fewer prefill rows says less about the cost of a row, because it also has costs that do not depend on its rows. */
const FULL_CHUNK = 64;
/** A prefill row beside decode rows counts for the cost of rows without decode rows as this share of such a row. */
const ALSO = 0.1;
/** The prefill rows of a step count as at least this share of the decode rows' time. */
const LEAST = 0.01;
/** If steps with only one number of decode rows are known, a step's cost is assumed to grow with its rows to this power. */
const POWER = 0.7;
/** If the cost at one number of rows changes, this share of the change applies to the costs at all other numbers. */
const ALONG = 0.5;

interface StepCost {
  /** Decoding sequences, each with one row. */
  decoding: number;
  /** Prefill rows, and the mean of their positions. */
  promptRows: number;
  position: number;
  /** Additional rows that verify drafts. */
  drafts: number;
  /** Milliseconds of the whole step. */
  ms: number;
  /** Time within `ms` for which this thread was idle, because it waited for shards. */
  idleMs: number;
}

export interface PlainStep {
  rows: number;
  ms: number;
  /** Time within `ms` for which this thread was busy. */
  busyMs: number;
}

export class StepCosts {
  /** Steps without prefill and drafts, by the binary logarithm of the number of sequences, rounded up. */
  readonly #plain = new Map<number, PlainStep>();
  /** Milliseconds of a prefill row in a step without decode rows. */
  readonly #alone = new RowCost();
  /** How many times as much a prefill row costs beside decode rows. */
  #beside: number | undefined;
  /** Position of the last prefill rows. */
  #position = 0;
  readonly #drafts = new DraftCost();

  learn({ decoding, promptRows, position, drafts, ms, idleMs }: StepCost): void {
    if (decoding + promptRows === 0) return;
    if (promptRows > 0) this.#position = position;
    if (promptRows === 0 && drafts === 0) {
      this.#learnPlain(decoding, ms, Math.max(0, ms - idleMs));
    } else if (decoding === 0) {
      this.#alone.learn(position, ms / promptRows, Math.min(1, promptRows / FULL_CHUNK));
    } else {
      const plain = this.#plainStep(decoding);
      if (plain === undefined) return;
      const rowsMs = Math.max(ms - plain.ms, LEAST * plain.ms);
      if (drafts === 0) this.#learnBeside(position, rowsMs / promptRows, promptRows);
      else if (promptRows === 0) this.#drafts.learn({ drafts, ms }, plain);
    }
  }

  /**
   * Milliseconds of a step with `rows` decode rows. The time grows more slowly than the number of rows. Before the first step
   * is learnt, only the ratios between times have a meaning.
   */
  stepMs(rows: number): number {
    if (rows === 0) return 0;
    let below: PlainStep | undefined;
    let above: PlainStep | undefined;
    for (const known of this.#plain.values()) {
      if (known.rows <= rows && (below === undefined || known.rows > below.rows)) below = known;
      if (known.rows >= rows && (above === undefined || known.rows < above.rows)) above = known;
    }
    const from = below ?? above ?? { rows: 1, ms: 1 };
    const to = below === undefined ? from : (above ?? from);
    if (to.rows === from.rows) return from.ms * (rows / from.rows) ** POWER;
    // Between two known sizes, a straight line predicts less than the real cost. So the sizes between are tried and become known.
    return from.ms + (Math.max(to.ms - from.ms, 0) * (rows - from.rows)) / (to.rows - from.rows);
  }

  /** Milliseconds of a prefill row beside decode rows, where the last step had prefill rows; 0 before that is known. */
  get promptRowMs(): number {
    return this.#besideMs(this.#position) ?? 0;
  }

  /**
   * Share of a step (0–1) for prefill that slows decoding sequences and prompts by about the same factor. If a prefill row costs e times
   * as much beside decode rows as without them, a share s makes gaps 1 / (1 - s) times as long and the time to the first token e / s times.
   * Both are 1 + e at s = e / (1 + e). What else happens on a machine is added to this wait in full, but hardly to the ratio of p99 gaps, which
   * contain it in any case. Therefore the share is that of LEAN * e.
   */
  get evenShare(): number {
    const e = LEAN * Math.min(Math.max(this.#beside ?? BESIDE, 1), MOST_BESIDE);
    return e / (1 + e);
  }

  /**
   * Prefill rows that take `share` (0–1) of a step beside `decoding` decode rows, if the first of them has this position. Undefined before
   * their cost is known.
   */
  promptRows(decoding: number, share: number, position: number): number | undefined {
    const plain = this.#plainStep(decoding);
    const row = this.#besideMs(position);
    if (plain === undefined || row === undefined) return undefined;
    return Math.floor(((share / (1 - share)) * plain.ms) / row);
  }

  /** Tokens that decode rows generate in the time of one draft. A draft pays if its chance of being right exceeds this. */
  draftPrice(decoding: number): number {
    const plain = this.#plainStep(decoding);
    return this.#drafts.price(decoding, plain);
  }

  #learnPlain(decoding: number, ms: number, busyMs: number): void {
    const size = sizeOf(decoding);
    const known = this.#plain.get(size);
    if (known !== undefined) {
      this.#drafts.learnPlain(ms, known);
      const change = follow(1, ms / this.stepMs(decoding), MEMORY * ALONG);
      for (const other of this.#plain.values()) if (other !== known) other.ms *= change;
    }
    this.#plain.set(size, {
      rows: follow(known?.rows, decoding),
      ms: follow(known?.ms, ms),
      busyMs: follow(known?.busyMs, busyMs),
    });
  }

  #learnBeside(position: number, ms: number, rows: number): void {
    const ratio = this.#beside ?? BESIDE;
    const alone = this.#alone.at(position) ?? ms / ratio;
    this.#beside = follow(ratio, ms / alone);
    // Shows how the cost grows with the position, also if prompts hardly ever run alone.
    this.#alone.learn(position, ms / ratio, ALSO * Math.min(1, rows / FULL_CHUNK));
  }

  #besideMs(position: number): number | undefined {
    const alone = this.#alone.at(position);
    return alone === undefined ? undefined : (this.#beside ?? BESIDE) * alone;
  }

  /** The learnt step with about `decoding` decode rows, or of the nearest known size. */
  #plainStep(decoding: number): PlainStep | undefined {
    const size = sizeOf(decoding);
    let nearest: number | undefined;
    for (const known of this.#plain.keys()) {
      if (nearest === undefined || Math.abs(known - size) < Math.abs(nearest - size)) nearest = known;
    }
    return nearest === undefined ? undefined : this.#plain.get(nearest);
  }
}

function sizeOf(sequences: number): number {
  return Math.ceil(Math.log2(Math.max(1, sequences)));
}

/** Moves `known` towards `seen` by a geometric mean, so a step of twice the time and one of half the time cancel out. */
function follow(known: number | undefined, seen: number, memory = MEMORY): number {
  if (known === undefined || known === 0) return seen;
  return known * Math.min(Math.max(seen / known, 1 / ODD), ODD) ** memory;
}
