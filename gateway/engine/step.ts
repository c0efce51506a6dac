// One step, or one micro-batch of it: computes the rows of its spans and returns the logits to sample from.
import { setImmediate as eventsHandled } from 'node:timers/promises';
import type { Rows } from '../../model/devices/dense.ts';
import { type Rung, rungLevel } from '../../router/delivery/ladder.ts';
import { type Assignment, expertsOf } from '../../router/routing/assignment.ts';
import type { LimitedRows } from '../../router/routing/expert-capacity.ts';
import { RowRouting } from '../../router/routing/row-routing.ts';
import { perTokenOf } from '../../router/selection.ts';
import type { RpcError } from '../../rpc/errors.ts';
import { type ForwardModel, forward } from './forward.ts';
import type { PromptLogprob, Route } from './messages.ts';
import { digestOf } from './sampling/digest.ts';
import { describe } from './sampling/sampler.ts';
import { isPrefill, type Planned } from './scheduling/scheduler.ts';
import type { Sequence } from './sequence.ts';

/** Logits from which the next ids of one sequence are sampled. */
export interface Due {
  sequence: Sequence;
  /** `[count, vocab]`: row 0 has the logits after the last known id, and row i those after the i-th draft. */
  logits: Rows;
  /** `[count]`, the routes of the same rows. Absent unless the request asks for routes. */
  routes?: Route[];
}

interface StepOptions {
  /** Returns memory for at least `length` logits. The step owns it until the step's results have been used. */
  logits: (length: number) => Rows;
  deadlineMs: number;
  trace: string;
  /** True if this is the only micro-batch of its step. */
  isAlone: boolean;
  /** A RangeError if the model's numbers for the sequence are not finite. */
  onFailed: (sequence: Sequence, error: RpcError | RangeError) => void;
  onDegraded: (sequence: Sequence, rung: Rung) => void;
  onRemote: (sequence: Sequence) => void;
  /** Called after log-probabilities of a prompt took `ms`. Only the tenant of the prompt is charged for that time. */
  onSpent: (tenant: string, ms: number) => void;
}

/** Most rows of a known text's logits in memory at a time. */
const DESCRIBED_AT_ONCE = 16;

/** Logits of known positions of one sequence. The logits of a position describe the id after it. */
interface Described {
  sequence: Sequence;
  /** The first position. */
  position: number;
  /** Its row in the step. */
  row: number;
  rows: number;
  /** `[rows, vocab]` */
  logits: Rows;
  vocab: number;
}

export class Step {
  /** Rows of all spans together. */
  readonly rows: number;
  readonly #spans: readonly Planned<Sequence>[];
  readonly #wanted: Uint8Array;
  readonly #abort = new AbortController();
  /** `[layers]`, kept only if a request asks for routes. */
  readonly #routed: Assignment[] = [];

  constructor(spans: readonly Planned<Sequence>[]) {
    this.#spans = spans;
    this.rows = spans.reduce((sum, { count }) => sum + count, 0);
    this.#wanted = new Uint8Array(this.rows).fill(1);
  }

  /** Stops computing the sequence's rows. If no other row of the step is left to compute, the step is aborted. */
  unwant(sequence: Sequence): void {
    let row = 0;
    for (const span of this.#spans) {
      if (span.sequence === sequence) this.#wanted.fill(0, row, row + span.count);
      row += span.count;
    }
    if (!this.#wanted.includes(1)) this.#abort.abort();
  }

  /** Computes the rows and advances the sequences. Returns an empty list if the step was aborted. */
  async run(
    model: ForwardModel,
    { logits, deadlineMs, trace, isAlone, onFailed, onDegraded, onRemote, onSpent }: StepOptions,
  ): Promise<Due[]> {
    const sequences = this.#spans.flatMap(({ sequence, count }) => new Array<Sequence>(count).fill(sequence));
    const routing = routingOf(sequences, model);
    const stream = await forward(
      model,
      {
        ids: Int32Array.from(this.#spans.flatMap(idsOf)),
        spans: this.#spans.map(({ sequence, start, count }) => {
          return { sequence: sequence.name, start, count, blocks: sequence.table.blocks };
        }),
        prefill: Uint8Array.from(
          this.#spans.flatMap((span) => new Array<number>(span.count).fill(isPrefill(span) ? 1 : 0)),
        ),
        wanted: this.#wanted,
        ...ladderOf(sequences),
        routing,
        limited: limitedRows(this.#spans),
        deadlineMs,
        signal: this.#abort.signal,
        trace,
        isAlone,
      },
      {
        onFailed: (row, error) => onFailed(sequences[row]!, error),
        onDegraded: (row, rung) => onDegraded(sequences[row]!, rung),
        onRemote: (row) => onRemote(sequences[row]!),
        ...(this.#spans.some(({ sequence }) => sequence.request.routes) && {
          onRouted: (assignment) => this.#routed.push(assignment),
        }),
      },
    );
    if (this.#abort.signal.aborted) return [];
    let row = 0;
    for (const { sequence, start, count } of this.#spans) {
      sequence.computed = Math.min(start + count, sequence.length);
      if (sequence.request.routing !== undefined) sequence.expertCalls += routing!.calls(row, count);
      row += count;
    }
    await this.#describeKnown(model, stream, { logits, onSpent });
    return this.#logits(model, stream, logits);
  }

  /**
   * Sends log-probabilities of prompts, and the token parts of known ids. Computes a few rows at a time, because the logits of a long
   * text may take gigabytes.
   */
  async #describeKnown(
    { dense, hidden, vocab }: ForwardModel,
    stream: Rows,
    { logits: memory, onSpent }: Pick<StepOptions, 'logits' | 'onSpent'>,
  ): Promise<void> {
    let row = 0;
    for (const { sequence, start, count } of this.#spans) {
      for (const { first, count: left, send } of [
        { ...sequence.unscored(start, count), send: sendScores },
        { ...sequence.unreported(start, count), send: this.#sendTokens },
      ]) {
        for (let at = 0; at < left && !sequence.ended; at += DESCRIBED_AT_ONCE) {
          const rows = Math.min(DESCRIBED_AT_ONCE, left - at);
          const from = row + first - start + at;
          const of = stream.slice(from * hidden, (from + rows) * hidden);
          const startedAt = performance.now();
          const logits = await dense.head(of, memory(rows * vocab));
          if (!sequence.ended) send({ sequence, position: first + at, row: from, rows, logits, vocab });
          onSpent(sequence.tenant, performance.now() - startedAt);
          await eventsHandled();
        }
      }
      row += count;
    }
  }

  /** Sends the parts of the known ids after the described positions. */
  readonly #sendTokens = ({ sequence, position, row, rows, logits, vocab }: Described): void => {
    const { ids, request } = sequence;
    for (let i = 0; i < rows; i++) {
      const id = ids[position + i + 1]!;
      const ofRow = logits.subarray(i * vocab, (i + 1) * vocab);
      const model = request.logprobs === undefined ? undefined : describe(ofRow, request.logprobs);
      sequence.report(
        { id, ...(model !== undefined && { logprob: model.logprobOf(id), top: model.top }) },
        {
          digest: request.digests ? digestOf(ofRow) : undefined,
          route: request.routes ? routeOf(this.#routed, row + i) : undefined,
        },
      );
    }
  };

  /** The logits of each sequence's last known id, and of its drafts. */
  async #logits(
    { dense, hidden, vocab }: ForwardModel,
    stream: Rows,
    memory: StepOptions['logits'],
  ): Promise<Due[]> {
    const wanted: { sequence: Sequence; first: number; count: number }[] = [];
    let row = 0;
    for (const { sequence, start, count } of this.#spans) {
      row += count;
      const due = start + count - sequence.length + 1;
      if (due > 0 && !sequence.ended) wanted.push({ sequence, first: row - due, count: due });
    }
    if (wanted.length === 0) return [];
    const total = wanted.reduce((sum, { count }) => sum + count, 0);
    const rows = new Float32Array(total * hidden);
    let at = 0;
    for (const { first, count } of wanted) {
      rows.set(stream.subarray(first * hidden, (first + count) * hidden), at * hidden);
      at += count;
    }
    const logits = await dense.head(rows, memory(total * vocab));
    at = 0;
    return wanted.map(({ sequence, first, count }) => {
      at += count;
      const due = { sequence, logits: logits.subarray((at - count) * vocab, at * vocab) };
      if (!sequence.request.routes) return due;
      return { ...due, routes: Array.from({ length: count }, (_, i) => routeOf(this.#routed, first + i)) };
    });
  }
}

/** Undefined if no row's request sets its routing, so that the common case costs nothing. */
function routingOf(
  sequences: readonly Sequence[],
  { rules, experts }: Pick<ForwardModel, 'rules' | 'experts'>,
): RowRouting | undefined {
  if (sequences.every(({ request }) => request.routing === undefined)) return undefined;
  const rows = sequences.map(({ request }) => request.routing ?? {});
  const own = rules.map(({ k }) => k);
  return new RowRouting(rows, own, perTokenOf(rules[0] ?? {}, experts));
}

/** The rows of prompts with a capacity. Known ids of an answer are computed like a prompt, but have no capacity. */
function limitedRows(spans: readonly Planned<Sequence>[]): LimitedRows[] {
  let first = 0;
  return spans.flatMap(({ sequence: { capacity, promptLength }, start, count }) => {
    const row = first;
    first += count;
    if (capacity === undefined || start >= promptLength) return [];
    return [{ first: row, count: Math.min(count, promptLength - start), prompt: capacity }];
  });
}

/** Empty if no row allows any rung, so that the common case costs nothing. */
function ladderOf(sequences: readonly Sequence[]): { ladder?: Uint8Array } {
  if (sequences.every(({ request }) => request.degrade === undefined)) return {};
  return { ladder: Uint8Array.from(sequences, ({ request }) => rungLevel(request.degrade)) };
}

/** Sends the log-probabilities of the prompt's tokens after the described positions. */
function sendScores({ sequence, position, rows, logits, vocab }: Described): void {
  const { ids, request } = sequence;
  const scores = Array.from({ length: rows }, (_, i): PromptLogprob => {
    const { logprobOf, rankOf, top } = describe(
      logits.subarray(i * vocab, (i + 1) * vocab),
      request.promptLogprobs ?? 0,
    );
    const id = ids[position + i + 1]!;
    return { logprob: logprobOf(id), rank: rankOf(id), top };
  });
  sequence.score(scores);
}

/** `assignments [layers]` cover all rows of the step. */
function routeOf(assignments: readonly Assignment[], row: number): Route {
  return assignments.map((assignment) => Array.from(expertsOf(assignment, row)));
}

function idsOf({ sequence: { ids, drafts }, start, count }: Planned<Sequence>): number[] {
  const known = ids.slice(start, start + count);
  return known.length === count ? known : [...known, ...drafts.slice(0, count - known.length)];
}
