// Runs steps: computes the rows that the scheduler selects, in one micro-batch or several, samples the next tokens, and learns
// what steps cost. If a step throws, its sequences fail and the process continues.
import { errorText } from '../../base/error-text.ts';
import type { Rows } from '../../model/devices/dense.ts';
import { type Rung, rungs } from '../../router/delivery/ladder.ts';
import { ConstraintFault } from '../constraints/fault.ts';
import type { Admission } from './admission.ts';
import type { Counters } from './counters.ts';
import type { EngineSettings } from './engine-options.ts';
import { callFailed, fault } from './faults.ts';
import type { ForwardModel } from './forward.ts';
import { sampleNext } from './sampling/next-tokens.ts';
import { constraintFailed, prepare } from './sampling/open-constraint.ts';
import { FairShares } from './scheduling/fair-shares.ts';
import { cut, MicroBatches } from './scheduling/micro-batches.ts';
import { decodingOf, isPrefill, type Planned, planStep, type StepLimits } from './scheduling/scheduler.ts';
import { StepCosts } from './scheduling/step-costs.ts';
import { inTurns } from './scheduling/turns.ts';
import type { Sequence } from './sequence.ts';
import { type Due, Step } from './step.ts';

/** A step with decode rows has room for at least this many prefill rows. */
const LEAST_PREFILL = 4;
/** Before the cost of prefill rows is known, a step with decode rows may have this share of `prefillRows`. */
const FIRST_SHARE = 1 / 8;

/** Sampling with up to this many logit biases takes too little time to be charged to the tenant. */
const FEW_BIASES = 64;

/** A step whose costs are not learnt yet. */
interface Ran {
  spans: readonly Planned<Sequence>[];
  decoding: readonly Sequence[];
  startedAt: number;
  /** Time since `startedAt` for which this thread was idle. */
  idleMs: number;
}

interface StepRunnerOptions {
  model: ForwardModel;
  settings: EngineSettings;
  admission: Admission;
  counters: Counters;
}

export class StepRunner {
  /** For each rung of the degradation ladder, the number of experts' answers that it replaced. */
  readonly degradedHops = Object.fromEntries(rungs.map((rung) => [rung, 0])) as Record<Rung, number>;
  readonly #options: StepRunnerOptions;
  /** The model for steps of several micro-batches: its dense device computes them in turns. */
  readonly #modelInTurns: ForwardModel;
  readonly #microBatches = new MicroBatches();
  readonly #costs = new StepCosts();
  readonly #shares = new FairShares();
  /** Memory for logits, by micro-batch. */
  readonly #logits: Rows[] = [];
  /** Micro-batches in flight. */
  #steps: readonly Step[] = [];
  /** The last step; undefined after `settle`. */
  #ran: Ran | undefined;

  constructor(options: StepRunnerOptions) {
    const { model } = options;
    this.#options = options;
    this.#modelInTurns = { ...model, dense: inTurns(model.dense) };
  }

  /** Runs one step of the running sequences. */
  async run(): Promise<void> {
    try {
      await this.#run();
    } catch (cause) {
      this.#threw(this.#options.admission.running, cause);
    } finally {
      this.#steps = [];
    }
  }

  /** Learns the cost of the last step. To be called when its tokens have been sent, because the cost includes sending. */
  settle(): void {
    if (this.#ran === undefined) return;
    const { spans, decoding, startedAt, idleMs } = this.#ran;
    this.#ran = undefined;
    const ms = performance.now() - startedAt;
    this.#costs.learn({ ...rowsOf(spans, decoding), ms: Math.max(0, ms - this.#shares.spentMs), idleMs });
    this.#shares.settle(spans, { costs: this.#costs, decoding, ms });
  }

  /** Charges the tenant for `ms` that other threads spent on its requests. */
  charge(tenant: string, ms: number): void {
    this.#shares.charge(tenant, ms);
  }

  /** Stops the step in flight from computing more for the sequence. */
  unwant(sequence: Sequence): void {
    for (const step of this.#steps) step.unwant(sequence);
  }

  async #run(): Promise<void> {
    const { model, settings, admission } = this.#options;
    const { running, pool } = admission;
    const { minPrefillRows } = model.dense;
    const prefillShare = settings.prefillShare === 'even' ? this.#costs.evenShare : settings.prefillShare;
    const startedAt = performance.now();
    prepare(running, {
      constraints: settings.constraints,
      ownTime: () => this.#shares.ownTime(running, { costs: this.#costs, minPrefillRows }),
      onSpent: (tenant, ms) => this.#shares.spend(tenant, ms),
      onFailed: (sequence, cause) => this.#refuse(sequence, cause),
    });
    const decoding = decodingOf(running, minPrefillRows);
    if (settings.speculate && minPrefillRows === 1) {
      const price = settings.draftPrice ?? this.#costs.draftPrice(decoding.length);
      for (const each of decoding) each.draft(price);
    }
    const position = nextPosition(running, decoding);
    const limits = (count: number, share: number) => this.#limits(count, share, position);
    const parts = this.#shares.parts(running, { costs: this.#costs, prefillShare, minPrefillRows, limits });
    const { spans, preempted } = planStep(running, pool, limits(decoding.length, prefillShare), parts);
    admission.preempt(preempted);
    const idleMs = spans.length > 0 ? await this.#compute(spans) : 0;
    this.#ran = { spans, decoding, startedAt, idleMs };
  }

  /**
   * Limits of a step in which `decoding` sequences decode. Prefill gets rows for `share` (0–1) of the step's time. The first of them has
   * this `position`.
   */
  #limits(decoding: number, share: number, position: number): StepLimits {
    const { prefillRows } = this.#options.settings;
    const { minPrefillRows } = this.#options.model.dense;
    const limits = { prefillRows, minPrefillRows };
    if (decoding === 0 || share === 1) return limits;
    const rows = this.#costs.promptRows(decoding, share, position) ?? prefillRows * FIRST_SHARE;
    const least = Math.max(LEAST_PREFILL, 2 * minPrefillRows);
    return { ...limits, prefillRows: Math.min(prefillRows, Math.max(least, Math.floor(rows))) };
  }

  /**
   * Computes the spans. Of several micro-batches, one computes while the others wait for their experts. Returns the milliseconds
   * for which this thread was idle.
   */
  async #compute(spans: readonly Planned<Sequence>[]): Promise<number> {
    const { model, settings, counters } = this.#options;
    const sequences = spans.length;
    const count = settings.microBatches ?? this.#microBatches.choose(sequences);
    const parts = cut(spans, count);
    const isTypical = !spans.some(isPrefill);
    this.#steps = parts.map((part) => new Step(part));
    const startedAt = performance.now();
    const idle = performance.eventLoopUtilization();
    const { sleptMs } = model.fleet;
    const results = await Promise.allSettled(
      this.#steps.map(async (step, index) => {
        const due = await step.run(this.#steps.length > 1 ? this.#modelInTurns : model, {
          logits: (length) => this.#logitsOf(index, length),
          deadlineMs: settings.callDeadlineMs,
          trace: `step-${counters.steps}`,
          isAlone: this.#steps.length === 1,
          onFailed: (sequence, error) => {
            if (error instanceof RangeError) this.#threw([sequence], error);
            else this.#fail(sequence, callFailed(error));
          },
          onDegraded: (sequence, rung) => this.#degrade(sequence, rung),
          onRemote: (sequence) => {
            sequence.remoteHops++;
            counters.remote_hops++;
          },
          onSpent: (tenant, ms) => this.#shares.spend(tenant, ms),
        });
        this.#advance(parts[index]!, due); // while the other micro-batches wait for their experts
      }),
    );
    for (const result of results) if (result.status === 'rejected') throw result.reason;
    const idleMs = performance.eventLoopUtilization(idle).idle + model.fleet.sleptMs - sleptMs;
    if (isTypical) this.#microBatches.learn({ sequences, ms: performance.now() - startedAt, idleMs });
    counters.steps++;
    counters.micro_batches += results.length;
    counters.step_rows += this.#steps.reduce((sum, { rows }) => sum + rows, 0);
    return idleMs;
  }

  /** Registers the computed blocks in the prefix cache, and samples the next tokens. */
  #advance(spans: readonly Planned<Sequence>[], due: readonly Due[]): void {
    const { model, settings, admission, counters } = this.#options;
    const { kv } = model.dense;
    for (const { sequence, start, count } of spans) {
      const { table, ids, computed, promptLength, salt, ended, isShareable } = sequence;
      sequence.stepped = counters.steps;
      counters.prompt_tokens += Math.max(0, Math.min(start + count, promptLength) - start);
      if (kv.shared && !ended && isShareable) admission.pool.register(table, ids, computed, salt);
    }
    for (const each of due) {
      const { sequence } = each;
      const from = performance.now();
      try {
        sampleNext(each, { vocab: model.vocab, picker: settings.picker, counters });
      } catch (cause) {
        this.#refuse(sequence, cause);
      }
      if (isExpensive(sequence)) this.#shares.spend(sequence.tenant, performance.now() - from);
    }
  }

  /** Fails a sequence whose sampling or constraint threw `cause`. */
  #refuse(sequence: Sequence, cause: unknown): void {
    if (cause instanceof ConstraintFault) this.#fail(sequence, constraintFailed(cause));
    else this.#threw([sequence], cause);
  }

  /** Memory for the logits of micro-batch `index`. It is reused, because one row may take most of a megabyte. */
  #logitsOf(index: number, length: number): Rows {
    const known = this.#logits[index];
    if (known !== undefined && known.length >= length) return known;
    const made = new Float32Array(length);
    this.#logits[index] = made;
    return made;
  }

  /** Reports an unforeseen error, and fails the sequences that it affects. */
  #threw(sequences: readonly Sequence[], cause: unknown): void {
    this.#options.settings.onFault(cause);
    const message = errorText(cause);
    for (const sequence of sequences) this.#fail(sequence, fault('internal', message));
  }

  #fail(sequence: Sequence, error: ReturnType<typeof fault>): void {
    if (sequence.ended) return;
    this.#options.counters.failed_sequences++;
    sequence.fail(error);
    this.unwant(sequence);
  }

  #degrade({ degraded }: Sequence, rung: Rung): void {
    degraded.set(rung, (degraded.get(rung) ?? 0) + 1);
    this.degradedHops[rung]++;
  }
}

/** Whether sampling the sequence takes so long that its tenant is charged for the time. */
function isExpensive({ request: { constraint, logprobs, digests, sampling } }: Sequence): boolean {
  return (
    constraint !== undefined ||
    logprobs !== undefined ||
    digests === true ||
    sampling.logitBias.length > FEW_BIASES
  );
}

/** Counts the rows of each kind in the spans. `position` is the mean position of the prefill rows; 0 if there are none. */
function rowsOf(spans: readonly Planned<Sequence>[], decoding: readonly Sequence[]) {
  const decodes = new Set(decoding);
  let [own, ownRows, promptRows, positions] = [0, 0, 0, 0];
  for (const { sequence, start, count } of spans) {
    if (decodes.has(sequence)) {
      own++;
      ownRows += count;
    } else {
      promptRows += count;
      positions += count * (start + (count - 1) / 2);
    }
  }
  return { decoding: own, drafts: ownRows - own, promptRows, position: positions / Math.max(1, promptRows) };
}

/** Mean position of the next rows of the sequences that prefill; 0 if there are none. */
function nextPosition(running: readonly Sequence[], decoding: readonly Sequence[]): number {
  const decodes = new Set(decoding);
  const prefilling = running.filter((sequence) => !decodes.has(sequence) && !sequence.held);
  return prefilling.reduce((sum, { computed }) => sum + computed, 0) / Math.max(1, prefilling.length);
}
