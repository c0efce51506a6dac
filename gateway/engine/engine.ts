// The engine, with continuous batching: sequences enter and leave between any two steps, and each step computes the rows that
// the scheduler selects. It works on token ids and knows neither text nor HTTP.
import { setImmediate as eventsHandled } from 'node:timers/promises';
import { hasExperts, unitShape } from '../../model/config/model-config.ts';
import { rungLevel } from '../../router/delivery/ladder.ts';
import { Heat } from '../../router/heat.ts';
import { perTokenOf } from '../../router/selection.ts';
import { Admission, saltOf } from './admission.ts';
import { createCounters, fleetCounters, hopCounters } from './counters.ts';
import { type EngineOptions, type EngineSettings, settingsOf } from './engine-options.ts';
import { fault } from './faults.ts';
import { fingerprint } from './fingerprint.ts';
import type { ForwardModel } from './forward.ts';
import { type EngineLoad, LoadBoard } from './load.ts';
import { readPrefix, writePrefix } from './memory/prefixes.ts';
import type {
  EngineInfo,
  EngineStatus,
  GenerationPart,
  GenerationRequest,
  HeatReport,
  KvPrefix,
  OnDrop,
  PushingEngine,
} from './messages.ts';
import { PartStream } from './part-stream.ts';
import { refusal } from './refusal.ts';
import { Sequence } from './sequence.ts';
import { StepRunner } from './step-runner.ts';

export type { EngineOptions } from './engine-options.ts';

export class Engine implements PushingEngine {
  readonly info: EngineInfo;
  readonly board = new LoadBoard();
  readonly #model: ForwardModel;
  readonly #settings: EngineSettings;
  readonly #counters = createCounters();
  readonly #admission: Admission;
  readonly #steps: StepRunner;
  readonly #heat: Heat;
  #names = 0;
  #closing = false;
  #wake: () => void = () => {};
  readonly #loop: Promise<void>;

  constructor(options: EngineOptions) {
    const { config, dense, fleet, rules } = options;
    const settings = settingsOf(options);
    const { identity, content, context, combine, heatHalfLifeSeconds: halfLifeSeconds } = settings;
    const { vocab, expertsPerToken } = config;
    const { hidden, layers, experts } = unitShape(config);
    this.#settings = settings;
    this.#heat = new Heat({ layers, experts, halfLifeSeconds });
    const routing = { experts, hasExperts: hasExperts(config), rules, combine, heat: this.#heat };
    this.#model = { dense, fleet, identity, hidden, vocab, ...routing };
    const shared = { model: this.#model, settings, counters: this.#counters };
    this.#admission = new Admission(shared);
    this.#steps = new StepRunner({ ...shared, admission: this.#admission });
    const sharesPrefixes = dense.kv.shared;
    const perToken = perTokenOf(rules[0] ?? {}, experts);
    const shape = { layers, experts, expertsPerToken, perToken };
    // A sequence may fill the whole KV memory, but not more.
    const most = Math.min(context, this.#admission.pool.count * this.#admission.pool.size);
    this.info = { identity, content, vocab, ...shape, context: most, sharesPrefixes };
    this.#noteLoad();
    this.#loop = this.#run();
  }

  generate(request: GenerationRequest, signal: AbortSignal, onDrop?: OnDrop): AsyncIterable<GenerationPart> {
    return new PartStream({
      signal,
      onDrop,
      begin: (stream) => this.start(request, (part) => stream.push(part)),
    });
  }

  start(request: GenerationRequest, onPart: (part: GenerationPart) => void): () => void {
    const refusal = this.#refusal(request);
    if (refusal !== undefined) {
      onPart({ type: 'error', error: refusal });
      return () => {};
    }
    const sequence = new Sequence(this.#names++, request, onPart);
    this.#admission.queue(sequence);
    this.#noteLoad();
    this.#wake();
    return () => this.#abort(sequence);
  }

  charge(tenant: string, ms: number): void {
    this.#steps.charge(tenant, ms);
  }

  async status(): Promise<EngineStatus> {
    const { fleet, dense } = this.#model;
    const { identity, content, kvMemory } = this.#settings;
    const { running, waiting, pool } = this.#admission;
    const holders = fleet.holders();
    const sources = fleet.sources();
    const experts = fleet.numericsClasses;
    return {
      ready: fleet.ready && !this.#closing,
      missing: fleet.missing(),
      single: fleet.single(),
      borrowed: fleet.borrowed(),
      units: {
        missing: holders.filter((count) => count === 0).length,
        single: holders.filter((count) => count === 1).length,
        borrowed: sources.filter((source) => source === 'far').length,
      },
      running: running.filter(isOpen).length,
      waiting: waiting.filter(isOpen).length,
      kvBytesReserved: (pool.count - pool.available) * dense.kv.blockBytes,
      kvBytesLimit: kvMemory,
      shards: fleet.status(),
      fingerprint: fingerprint({ identity, content, dense: dense.numericsClass, experts }),
      numerics: JSON.stringify([dense.numericsClass, ...experts]),
      counters: { ...this.#counters, ...hopCounters(this.#steps.degradedHops), ...fleetCounters(fleet) },
    };
  }

  load(): EngineLoad {
    return this.board.read();
  }

  async heat(options: { successors?: boolean } = {}): Promise<HeatReport> {
    return this.#heat.report(options);
  }

  async readPrefix(id: string, first: number): Promise<KvPrefix | undefined> {
    const { running, pool } = this.#admission;
    const sequence = running.find(({ request, ended }) => request.id === id && !ended);
    const { dense } = this.#model;
    // Blocks that were computed before a shard was cordoned may be wrong.
    if (sequence === undefined || sequence.salt !== saltOf(sequence.request, this.#model)) return undefined;
    return readPrefix(sequence, first, { dense, pool });
  }

  async writePrefix(prefix: KvPrefix): Promise<boolean> {
    const { dense } = this.#model;
    const written = writePrefix(prefix, saltOf(prefix, this.#model), { dense, pool: this.#admission.pool });
    if (written) this.#counters.received_positions += (prefix.end - prefix.first) * dense.kv.blockSize;
    return written;
  }

  async close(graceMs: number): Promise<void> {
    this.#closing = true;
    this.#wake();
    const cut = setTimeout(() => {
      const { waiting, running } = this.#admission;
      for (const sequence of [...waiting, ...running]) {
        sequence.fail(fault('shutting_down', 'the server is shutting down'));
      }
      for (const sequence of running) this.#steps.unwant(sequence);
      this.#wake();
    }, graceMs);
    await this.#loop;
    clearTimeout(cut);
  }

  #refusal(request: GenerationRequest) {
    const { context, maxWaiting } = this.#settings;
    const { fleet } = this.#model;
    const { running, waiting, pool } = this.#admission;
    if (running.length === 0) fleet.settleClasses();
    const { tenant } = request;
    const wanted = waiting.filter(isOpen);
    return refusal(request, {
      closing: this.#closing,
      vocab: this.info.vocab,
      shape: this.info,
      context,
      kvPositions: pool.count * pool.size,
      missing: fleet.readyFor(rungLevel(request.degrade)) ? [] : fleet.missing(),
      waiting: wanted.length,
      maxWaiting,
      ...(tenant !== undefined && { ownWaiting: wanted.filter((each) => each.tenant === tenant).length }),
    });
  }

  async #run(): Promise<void> {
    const { running, waiting } = this.#admission;
    for (;;) {
      this.#admission.leave();
      this.#admission.admit();
      this.#noteLoad();
      if (running.length > 0) {
        await this.#steps.run();
        this.#admission.leave(); // so that status() does not count the memory of ended sequences
        await eventsHandled();
        this.#steps.settle();
      } else if (this.#closing && waiting.length === 0) return;
      else await new Promise<void>((wake) => (this.#wake = wake));
    }
  }

  #noteLoad(): void {
    const { running, waiting, pool } = this.#admission;
    const { prompt_tokens: computed, cached_prompt_tokens: cachedTokens } = this.#counters;
    this.board.write({
      ...{ running: running.length, waiting: waiting.length, waitingSince: waiting[0]?.since ?? 0 },
      ...{ usedBlocks: pool.count - pool.available, blocks: pool.count, blockSize: pool.size },
      ...{ promptTokens: computed + cachedTokens, cachedTokens },
    });
  }

  #abort(sequence: Sequence): void {
    if (sequence.ended) return;
    sequence.ended = true;
    this.#counters.aborted_sequences++;
    this.#steps.unwant(sequence);
    this.#wake();
  }
}

function isOpen({ ended }: Sequence): boolean {
  return !ended;
}
