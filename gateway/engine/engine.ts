// Continuous batching: sequences enter and leave at any step; one step computes the rows that the scheduler names.
// Knows token ids and devices; no text, no HTTP.
import { createHash } from 'node:crypto';
import { setImmediate as eventsHandled } from 'node:timers/promises';
import type { ModelConfig } from '../../model/config.ts';
import type { DenseDevice, Rows } from '../../model/devices/dense.ts';
import type { Fleet } from '../../router/fleet.ts';
import { Heat } from '../../router/heat.ts';
import { type Rung, rungLevel } from '../../router/ladder.ts';
import type { RoutingRule } from '../../router/selection.ts';
import { BlockPool } from './blocks.ts';
import { callFailed, fault, notReady } from './faults.ts';
import { fingerprint, fleetCounters, hopCounters } from './fingerprint.ts';
import { inTurns } from './floor.ts';
import type { ForwardModel } from './forward.ts';
import type {
  EngineClient,
  EngineInfo,
  EngineStatus,
  GenerationPart,
  GenerationRequest,
  HeatReport,
} from './messages.ts';
import { cut, grouped, MicroBatches } from './micro-batches.ts';
import { PartQueue } from './part-queue.ts';
import { refusal } from './refusal.ts';
import { sample } from './sampler.ts';
import { generating, type Planned, planStep, type StepLimits } from './scheduler.ts';
import { Sequence } from './sequence.ts';
import { type Due, Step } from './step.ts';
import { StepCosts } from './step-costs.ts';

export interface EngineOptions {
  config: ModelConfig;
  /** Of the checkpoint (bundle.json). */
  identity: string;
  /** Of the bundle that the dense device reads. */
  content: string;
  dense: DenseDevice;
  fleet: Fleet;
  /** Of each layer. */
  rules: readonly RoutingRule[];
  /** Most positions of a sequence; the checkpoint's own context at most. */
  context?: number;
  /** Sequences that run at once. */
  maxSequences?: number;
  /** Sequences that wait at once; one more is refused. */
  maxWaiting?: number;
  /** Bytes. */
  kvMemory?: number;
  /** Prompt rows in one step, at most. */
  prefillRows?: number;
  /**
   * Of a step's time, how much prompts may take while others generate, above 0 and up to 1: the others' gaps grow by
   * 1 / (1 - share), the time to a prompt's first token by 1 / share.
   */
  prefillShare?: number;
  /** Each call to a shard must be answered within this. */
  callDeadlineMs?: number;
  /** Guess tokens from the text so far and verify several in one step; changes no answer. */
  speculate?: boolean;
  /** Of the counts of each expert's rows. */
  heatHalfLifeSeconds?: number;
  /** Micro-batches of a step; measured where absent. */
  microBatches?: number;
  /** Hears of a step that threw, or of the sampling of one sequence; what it concerned is failed. */
  onFault?: (cause: unknown) => void;
}

/** Prompt rows beside others that generate, in any case. */
const LEAST_PREFILL = 4;
/** Of the prompt rows that a step may have, while nothing is known of what they cost. */
const UNKNOWN = 1 / 8;

export class Engine implements EngineClient {
  readonly info: EngineInfo;
  readonly #model: ForwardModel;
  /** For several micro-batches. */
  readonly #modelInTurns: ForwardModel;
  readonly #options: Required<Omit<EngineOptions, 'dense' | 'fleet' | 'rules' | 'config' | 'microBatches'>> &
    Pick<EngineOptions, 'microBatches'>;
  readonly #waiting: Sequence[] = [];
  readonly #running: Sequence[] = [];
  readonly #counters = {
    steps: 0,
    micro_batches: 0,
    step_rows: 0,
    prompt_tokens: 0,
    generated_tokens: 0,
    failed_sequences: 0,
    aborted_sequences: 0,
    preempted_sequences: 0,
    cached_prompt_tokens: 0,
    guessed_tokens: 0,
    kept_guesses: 0,
  };
  /** Times that something stood in for an expert. */
  readonly #degradedHops: Record<Rung, number> = { class: 0, standby: 0, next_best: 0, pass_through: 0 };
  readonly #pool: BlockPool;
  #names = 0;
  #closing = false;
  #wake: () => void = () => {};
  readonly #loop: Promise<void>;
  readonly #microBatches = new MicroBatches();
  readonly #costs = new StepCosts();
  readonly #logits: Rows[] = [];
  readonly #heat: Heat;
  /** Micro-batches under way. */
  #steps: readonly Step[] = [];

  constructor({ config, dense, fleet, rules, ...rest }: EngineOptions) {
    this.#options = {
      context: config.context,
      maxSequences: 64,
      maxWaiting: 256,
      kvMemory: 2 ** 31,
      prefillRows: 256,
      prefillShare: 0.7,
      callDeadlineMs: 10_000,
      speculate: false,
      heatHalfLifeSeconds: 600,
      onFault: () => {},
      ...rest,
    };
    const { identity, context } = this.#options;
    if (context > config.context) {
      throw new Error(`a context of ${context} is more than the checkpoint's ${config.context}`);
    }
    const { blockSize, blockBytes } = dense.kv;
    this.#pool = new BlockPool({ count: Math.floor(this.#options.kvMemory / blockBytes), size: blockSize });
    dense.allocate(this.#pool.count);
    this.#options.prefillRows = Math.max(this.#options.prefillRows, 2 * dense.minPrefillRows);
    const { hidden, layers, experts, vocab, expertsPerToken } = config;
    this.#heat = new Heat({ layers, experts, halfLifeSeconds: this.#options.heatHalfLifeSeconds });
    this.#model = { dense, fleet, identity, hidden, experts, vocab, rules, heat: this.#heat };
    this.#modelInTurns = { ...this.#model, dense: inTurns(dense) };
    const sharesPrefixes = dense.kv.shared;
    this.info = { identity, vocab, layers, experts, expertsPerToken, context, sharesPrefixes };
    this.#loop = this.#run();
  }

  async *generate(request: GenerationRequest, signal: AbortSignal): AsyncGenerator<GenerationPart> {
    const queue = new PartQueue();
    const refusal = this.#refusal(request);
    if (refusal !== undefined) {
      yield { type: 'error', error: refusal };
      return;
    }
    const sequence = new Sequence(this.#names++, request, (part) => queue.push(part));
    this.#queue(sequence);
    this.#wake();
    const abort = () => {
      this.#abort(sequence);
      queue.end();
    };
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    try {
      yield* queue;
    } finally {
      signal.removeEventListener('abort', abort);
      this.#abort(sequence);
    }
  }

  async status(): Promise<EngineStatus> {
    const { fleet, dense } = this.#model;
    const { identity, content, kvMemory } = this.#options;
    return {
      ready: fleet.ready && !this.#closing,
      missing: fleet.missing(),
      running: this.#running.length,
      waiting: this.#waiting.length,
      kvBytesReserved: (this.#pool.count - this.#pool.available) * dense.kv.blockBytes,
      kvBytesLimit: kvMemory,
      shards: fleet.status(),
      fingerprint: fingerprint({
        identity,
        content,
        dense: dense.numericsClass,
        experts: fleet.numericsClasses,
      }),
      counters: { ...this.#counters, ...hopCounters(this.#degradedHops), ...fleetCounters(fleet) },
    };
  }

  async heat(options: { successors?: boolean } = {}): Promise<HeatReport> {
    return this.#heat.report(options);
  }

  async close(graceMs: number): Promise<void> {
    this.#closing = true;
    this.#wake();
    const cut = setTimeout(() => {
      for (const sequence of [...this.#waiting, ...this.#running]) {
        sequence.fail(fault('shutting_down', 'the server is shutting down'));
      }
      for (const sequence of this.#running) this.#unwant(sequence);
      this.#wake();
    }, graceMs);
    await this.#loop;
    clearTimeout(cut);
  }

  #refusal(request: GenerationRequest) {
    const { context, maxWaiting } = this.#options;
    const { fleet } = this.#model;
    if (this.#running.length === 0) fleet.settleClasses();
    return refusal(request, {
      closing: this.#closing,
      vocab: this.info.vocab,
      layers: this.info.layers,
      experts: this.info.experts,
      context,
      kvPositions: this.#pool.count * this.#pool.size,
      missing: fleet.readyFor(rungLevel(request.degrade)) ? [] : fleet.missing(),
      waiting: this.#waiting.length,
      maxWaiting,
    });
  }

  async #run(): Promise<void> {
    for (;;) {
      this.#leave();
      this.#admit();
      if (this.#running.length > 0) {
        await this.#stepOrFail();
        this.#leave(); // before anyone asks how many run
        await eventsHandled();
      } else if (this.#closing && this.#waiting.length === 0) return;
      else await new Promise<void>((wake) => (this.#wake = wake));
    }
  }

  /** Takes ended sequences out of both lists and frees their KV. */
  #leave(): void {
    remove(this.#waiting, (sequence) => sequence.ended);
    for (const sequence of remove(this.#running, (each) => each.ended)) {
      this.#pool.release(sequence.table);
      this.#model.dense.close(sequence.name);
    }
  }

  /** Behind all of its priority; those that gave way for others (they ran before) stay in front. */
  #queue(sequence: Sequence): void {
    const priority = ({ request }: Sequence) => request.priority ?? 0;
    const at = this.#waiting.findIndex((other) => {
      return other.cached === undefined && priority(other) > priority(sequence);
    });
    this.#waiting.splice(at < 0 ? this.#waiting.length : at, 0, sequence);
  }

  /** Whether another computes its prompt just now, or is about to. */
  #isAwaitingPrompt({ request, promptLength }: Sequence): boolean {
    const { sharesPromptOf: id } = request;
    if (id === undefined || !this.#model.dense.kv.shared || promptLength <= this.#pool.size) return false;
    const computing = this.#running.some((each) => each.request.id === id && each.computed < promptLength);
    return computing || this.#waiting.some((each) => each.request.id === id);
  }

  /** Lets in, in order of the queue, those whose known ids have room. */
  #admit(): void {
    const { dense, fleet } = this.#model;
    if (this.#running.length === 0) fleet.settleClasses();
    const first = () => this.#waiting.find((sequence) => !this.#isAwaitingPrompt(sequence));
    for (let next = first(); next !== undefined; next = first()) {
      if (this.#running.length >= this.#options.maxSequences) return;
      const { cacheSalt = '', degrade, expertsPerToken = [], promptLogprobs } = next.request;
      if (!fleet.readyFor(rungLevel(degrade))) {
        next.fail(notReady(fleet.missing()));
        this.#waiting.splice(this.#waiting.indexOf(next), 1);
        continue;
      }
      // The last id is always computed: its logits are wanted. A device that does not share blocks finds none known, and
      // who wants the prompt's own logits computes all of it.
      const limit = dense.kv.shared && promptLogprobs === undefined ? next.length - 1 : 0;
      // What was computed while a shard answered wrongly is not found again once that shard has been cordoned.
      const salt = `${cacheSalt}/${fleet.counters.cordons}/${expertsPerToken}`;
      const table = this.#pool.open(next.ids, { limit, salt });
      if (!this.#pool.grow(table, next.length)) {
        this.#pool.release(table);
        return;
      }
      this.#waiting.splice(this.#waiting.indexOf(next), 1);
      next.table = table;
      next.salt = salt;
      next.computed = table.known * this.#pool.size;
      next.cached ??= next.computed;
      this.#counters.cached_prompt_tokens += next.computed;
      dense.open(next.name);
      this.#running.push(next);
    }
  }

  /** A step that throws fails its sequences, never the process. */
  async #stepOrFail(): Promise<void> {
    try {
      await this.#runStep();
    } catch (cause) {
      this.#threw(this.#running, cause);
    } finally {
      this.#steps = [];
    }
  }

  async #runStep(): Promise<void> {
    const { dense } = this.#model;
    const startedAt = performance.now();
    const others = generating(this.#running, dense.minPrefillRows);
    if (this.#options.speculate && dense.minPrefillRows === 1) {
      const price = this.#costs.guessPrice(others.length);
      for (const each of others) each.guess(price);
    }
    const { spans, preempted } = planStep(this.#running, this.#pool, this.#limits(others.length));
    this.#preempt(preempted);
    await this.#compute(spans);
    this.#costs.learn({ ...rowsOf(spans, others), ms: performance.now() - startedAt });
  }

  /** While some generate, prompts get as many rows as take their share of the step. */
  #limits(others: number): StepLimits {
    const { prefillRows, prefillShare } = this.#options;
    const { minPrefillRows } = this.#model.dense;
    const limits = { prefillRows, minPrefillRows };
    if (others === 0 || prefillShare === 1) return limits;
    const rows = this.#costs.promptRows(others, prefillShare) ?? prefillRows * UNKNOWN;
    const least = Math.max(LEAST_PREFILL, 2 * minPrefillRows);
    return { ...limits, prefillRows: Math.min(prefillRows, Math.max(least, Math.floor(rows))) };
  }

  /** The spans as one batch, or as several in flight at once: one computes while others wait for their experts. */
  async #compute(spans: readonly Planned<Sequence>[]): Promise<void> {
    const sequences = spans.length;
    const count = this.#options.microBatches ?? this.#microBatches.choose(sequences);
    const groups = grouped(spans, ({ sequence }) => String(sequence.request.expertsPerToken));
    const parts = groups.flatMap((group) => cut(group, count));
    this.#steps = parts.map((part) => new Step(part));
    const startedAt = performance.now();
    const idle = performance.eventLoopUtilization();
    const model = this.#steps.length > 1 ? this.#modelInTurns : this.#model;
    const results = await Promise.allSettled(
      this.#steps.map(async (step, index) => {
        const { due } = await step.run(model, {
          logits: (length) => this.#logitsOf(index, length),
          deadlineMs: this.#options.callDeadlineMs,
          trace: `step-${this.#counters.steps}`,
          onFailed: (sequence, error) => this.#fail(sequence, callFailed(error)),
          onDegraded: (sequence, rung) => this.#degrade(sequence, rung),
        });
        this.#advance(parts[index]!, due); // while the others wait for their experts
      }),
    );
    for (const result of results) if (result.status === 'rejected') throw result.reason;
    const idleMs = performance.eventLoopUtilization(idle).idle;
    const timing = { sequences, batches: results.length, ms: performance.now() - startedAt, idleMs };
    if (groups.length === 1 && spans.every(({ count: rows }) => rows === 1)) this.#microBatches.learn(timing);
    this.#counters.steps++;
    this.#counters.micro_batches += results.length;
    this.#counters.step_rows += this.#steps.reduce((sum, { rows }) => sum + rows, 0);
  }

  /** Makes known what the spans have computed, and samples what follows. */
  #advance(spans: readonly Planned<Sequence>[], due: readonly Due[]): void {
    const { kv } = this.#model.dense;
    for (const { sequence, start, count } of spans) {
      const { table, ids, computed, promptLength, salt, ended, degraded } = sequence;
      this.#counters.prompt_tokens += Math.max(0, Math.min(start + count, promptLength) - start);
      // What a stand-in has touched is nobody else's prefix.
      if (kv.shared && !ended && degraded.size === 0) this.#pool.register(table, ids, computed, salt);
    }
    for (const each of due) {
      try {
        this.#sample(each);
      } catch (cause) {
        this.#threw([each.sequence], cause);
      }
    }
  }

  /** Of the micro-batch so numbered: made once, for a row of them may be most of a megabyte. */
  #logitsOf(index: number, length: number): Rows {
    const known = this.#logits[index];
    if (known !== undefined && known.length >= length) return known;
    const made = new Float32Array(length);
    this.#logits[index] = made;
    return made;
  }

  /** They wait again, before all others, and compute their ids once more when they are back. */
  #preempt(sequences: readonly Sequence[]): void {
    for (const sequence of sequences) {
      this.#counters.preempted_sequences++;
      this.#model.dense.close(sequence.name);
      this.#running.splice(this.#running.indexOf(sequence), 1);
      sequence.computed = 0;
      sequence.drafts = [];
      this.#waiting.unshift(sequence);
    }
  }

  /** The first row follows the last known id; each further one counts only if the guess before it was right. */
  #sample({ sequence, logits, routes }: Due): void {
    const { vocab } = this.info;
    const { picker } = this.#model.dense;
    if (sequence.request.maxTokens === 0) {
      sequence.finishPrompt();
      return;
    }
    const { request, generated, seen, constraint, drafts } = sequence;
    const { sampling: settings, logprobs } = request;
    let kept = 0;
    for (let row = 0; row * vocab < logits.length && !sequence.ended; row++) {
      const ofRow = logits.subarray(row * vocab, (row + 1) * vocab);
      const digest = request.digests ? digestOf(ofRow) : undefined;
      const position = sequence.length;
      const sampled = sample({
        logits: ofRow,
        settings,
        position,
        generated,
        seen,
        constraint,
        barred: sequence.barred,
        picker,
        logprobs,
      });
      sequence.take(sampled, { digest, route: routes?.[row] });
      this.#counters.generated_tokens++;
      if (sampled.id !== drafts[row]) break;
      kept++;
    }
    this.#counters.guessed_tokens += drafts.length;
    this.#counters.kept_guesses += kept;
    sequence.settle();
  }

  #unwant(sequence: Sequence): void {
    for (const step of this.#steps) step.unwant(sequence);
  }

  /** Fails the sequences whose work threw, and no others. */
  #threw(sequences: readonly Sequence[], cause: unknown): void {
    this.#options.onFault(cause);
    const message = cause instanceof Error ? cause.message : String(cause);
    for (const sequence of sequences) this.#fail(sequence, fault('internal', message));
  }

  #fail(sequence: Sequence, error: ReturnType<typeof fault>): void {
    if (sequence.ended) return;
    this.#counters.failed_sequences++;
    sequence.fail(error);
    this.#unwant(sequence);
  }

  #degrade({ degraded }: Sequence, rung: Rung): void {
    degraded.set(rung, (degraded.get(rung) ?? 0) + 1);
    this.#degradedHops[rung]++;
  }

  #abort(sequence: Sequence): void {
    if (sequence.ended) return;
    sequence.ended = true;
    this.#counters.aborted_sequences++;
    this.#unwant(sequence);
    this.#wake();
  }
}

/** How many rows of each kind the spans have; `others` do nothing but generate. */
function rowsOf(spans: readonly Planned<Sequence>[], others: readonly Sequence[]) {
  const rows = (of: readonly Planned<Sequence>[]) => of.reduce((sum, { count }) => sum + count, 0);
  const own = spans.filter(({ sequence }) => others.includes(sequence));
  return { generating: own.length, guesses: rows(own) - own.length, promptRows: rows(spans) - rows(own) };
}

/** 64 bits of SHA-256 over the row's bytes. */
function digestOf(row: Rows): string {
  const bytes = new Uint8Array(row.buffer, row.byteOffset, row.byteLength);
  return createHash('sha256').update(bytes).digest('hex').slice(0, 16);
}

/** Removes and returns the items that match. */
function remove<T>(list: T[], matches: (item: T) => boolean): T[] {
  const removed = list.filter(matches);
  if (removed.length > 0) list.splice(0, list.length, ...list.filter((item) => !matches(item)));
  return removed;
}
