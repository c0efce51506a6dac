// What rows cost, learnt from the steps that ran: so much for the rows of those that generate, so much more for each row
// of a prompt or of a draft. Pure; the clock is the caller's, what to do about it the scheduler's.
//
// Worked example: 8 that generate take 20 ms; with 50 prompt rows the step takes 45 ms, so that a row costs 0.5 ms. If
// prompts may have half of a step, 20 / 0.5 = 40 rows fit beside the 8.

/** How fast what was learnt follows the last step. */
const MEMORY = 0.2;
/** One odd step moves what was learnt by no more than if it had cost so many times as much, or as little. */
const ODD = 2;
/** Rows of a prompt cost less in the large chunks of an engine that has nothing else to do: by this much, until seen. */
const BESIDE = 1.5;
/** A draft is taken to cost this much of a token's time until some were seen, and again when none was seen for long. */
const DRAFT_COST = 0.5;
const FORGETS = 0.002;
/** A row costs at least this share of a step. */
const LEAST = 0.01;
/** A step of so many rows costs their number to this power, where nothing better is known. */
const POWER = 0.7;
/** A step that takes longer than its like did tells so much of steps of other sizes: the machine may be slower now. */
const ALONG = 0.5;

export interface StepCost {
  /** Sequences that generate: a row each. */
  decoding: number;
  /** Rows of prompts. */
  promptRows: number;
  /** Rows on top, to verify drafts. */
  drafts: number;
  /** Of the whole step. */
  ms: number;
}

interface PlainStep {
  rows: number;
  ms: number;
}

export class StepCosts {
  /** Steps without prompts and drafts, by the power of two that the number of sequences reaches. */
  readonly #plain = new Map<number, PlainStep>();
  /** Milliseconds of a prompt's row: where only prompts were computed, and beside those that generate. */
  #alone: number | undefined;
  #beside: number | undefined;
  /** Milliseconds of a draft's row. */
  #draftMs: number | undefined;

  learn({ decoding, promptRows, drafts, ms }: StepCost): void {
    if (decoding + promptRows === 0) return;
    if (promptRows === 0 && drafts === 0) {
      this.#learnPlain(decoding, ms);
      if (this.#draftMs !== undefined)
        this.#draftMs = follow(this.#draftMs, (DRAFT_COST * ms) / decoding, FORGETS);
    } else if (decoding === 0) {
      this.#alone = follow(this.#alone, ms / promptRows);
    } else {
      const plain = this.#plainMs(decoding);
      if (plain === undefined) return;
      const rest = (rows: number) => Math.max(ms - plain, LEAST * plain) / rows;
      if (drafts === 0) this.#beside = follow(this.#besideMs(), rest(promptRows));
      else if (promptRows === 0)
        this.#draftMs = follow(this.#draftMs ?? (DRAFT_COST * plain) / decoding, rest(drafts));
    }
  }

  /**
   * Milliseconds of a step with so many rows of sequences that generate; grows with them, and less than they do. Before
   * the first step: of no unit.
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
    // A straight line flatters sizes between two that were seen: so they are tried, and then known.
    return from.ms + (Math.max(to.ms - from.ms, 0) * (rows - from.rows)) / (to.rows - from.rows);
  }

  /** Milliseconds of a prompt's row beside those that generate; 0 before that is known. */
  get promptRowMs(): number {
    return this.#besideMs() ?? 0;
  }

  /** Prompt rows that take `share` (0 to 1) of a step beside so many that generate; undefined before that is known. */
  promptRows(decoding: number, share: number): number | undefined {
    const plain = this.#plainMs(decoding);
    const row = this.#besideMs();
    if (plain === undefined || row === undefined) return undefined;
    return Math.floor(((share / (1 - share)) * plain) / row);
  }

  /** Tokens that a step would have brought in the time of one draft: a draft that holds less often is a loss. */
  draftPrice(decoding: number): number {
    const plain = this.#plainMs(decoding);
    if (plain === undefined || this.#draftMs === undefined) return DRAFT_COST;
    return (this.#draftMs * decoding) / plain;
  }

  #learnPlain(decoding: number, ms: number): void {
    const size = sizeOf(decoding);
    const known = this.#plain.get(size);
    if (known !== undefined) {
      const change = follow(1, ms / this.stepMs(decoding), MEMORY * ALONG);
      for (const other of this.#plain.values()) if (other !== known) other.ms *= change;
    }
    this.#plain.set(size, { rows: follow(known?.rows, decoding), ms: follow(known?.ms, ms) });
  }

  #besideMs(): number | undefined {
    return this.#beside ?? (this.#alone === undefined ? undefined : BESIDE * this.#alone);
  }

  /** Of that size, or of the one next to it that was seen. */
  #plainMs(decoding: number): number | undefined {
    const size = sizeOf(decoding);
    let nearest: number | undefined;
    for (const known of this.#plain.keys()) {
      if (nearest === undefined || Math.abs(known - size) < Math.abs(nearest - size)) nearest = known;
    }
    return nearest === undefined ? undefined : this.#plain.get(nearest)?.ms;
  }
}

function sizeOf(sequences: number): number {
  return Math.ceil(Math.log2(Math.max(1, sequences)));
}

/** A geometric mean, so that what came late by half weighs no more than what came early by half. */
function follow(known: number | undefined, seen: number, memory = MEMORY): number {
  if (known === undefined || known === 0) return seen;
  return known * Math.min(Math.max(seen / known, 1 / ODD), ODD) ** memory;
}
