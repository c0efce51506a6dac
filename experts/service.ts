// The shard service: it answers `hello` and `expert.run` for every model of the shard. It joins the calls that wait for one layer of
// one model, and runs each expert once over all their rows.
import { randomUUID } from 'node:crypto';
import { setImmediate as socketsRead } from 'node:timers/promises';
import { RpcError, toRpcError } from '../rpc/errors.ts';
import type { CallServing } from '../rpc/socket/serving.ts';
import type { HandlerContext, Handlers, Params, Value } from '../rpc/transport.ts';
import { joinAsks, splitAnswers } from './batch.ts';
import { type FastCalls, openFastCalls } from './fast-calls.ts';
import { deviceFailed, HeldModel, type HeldModelOptions } from './held-model.ts';
import { type CallCounts, InFlight } from './in-flight.ts';
import type { ShardMetrics } from './metrics.ts';
import type { Placeable } from './placing/placed-model.ts';
import { type Batch, type Job, LayerQueue } from './queue.ts';
import { defaultLimits, type FrameLimits } from './wire/bounds.ts';
import { helloAnswerToValue, parseHelloParams } from './wire/hello.ts';
import type { ModelShape } from './wire/model.ts';
import { parseRunRequest, type RunAnswer, type RunRequest, runAnswerToValue } from './wire/run.ts';

export interface ShardServiceOptions {
  /** All models must have different identities, because a call names its model by identity. */
  models: readonly HeldModelOptions[];
  version: string;
  /** Name of this shard in placements. */
  name?: string;
  /** Where this shard runs. Absent: near to every gateway. */
  zone?: string | undefined;
  /** Returns the resident memory of the process. If absent, the hello does not state it. */
  residentBytes?: () => number;
  /** Absent: no metrics. */
  metrics?: ShardMetrics;
}

interface RunJob extends Job {
  call: HandlerContext;
  /** `[n, hidden]` */
  rows: Float32Array;
  /** On the clock of `performance.now()`. */
  queuedAt: number;
  resolve: (answer: Value) => void;
  reject: (error: RpcError) => void;
}

/** Most (row, expert) pairs of one run. The thread cannot read its sockets during a run, so this limits how long messages wait. */
const MOST_BATCH_ASKS = 512;
/** Most (row, expert) pairs in the queue. Further calls are answered `busy`. */
const MOST_QUEUED_ASKS = 16_384;
/** After a `busy` answer, the caller waits for this time before it tries again. */
const BUSY_RETRY_MS = 100;

export class ShardService {
  readonly handlers: Handlers = {
    hello: async (params) => this.#hello(params),
    'expert.run': (params, call) => this.#answer(params, call),
  };
  readonly #options: ShardServiceOptions;
  readonly #held: ReadonlyMap<string, HeldModel>;
  readonly #shapes: ReadonlyMap<string, ModelShape>;
  readonly #limits: FrameLimits;
  readonly #instance = randomUUID();
  readonly #queue = new LayerQueue<RunJob>();
  readonly #calls = new InFlight();
  /** Undefined without the addon, and before `serve`. */
  #fast: FastCalls | undefined;
  #state: 'available' | 'draining' = 'available';
  #answered = 0;
  #pumping = false;

  constructor(options: ShardServiceOptions) {
    this.#options = options;
    this.#held = holdEach(options.models);
    this.#shapes = new Map(options.models.map(({ model }) => [model.identity, model]));
    this.#limits = limitsFor(Math.max(...options.models.map(({ model }) => model.hidden)));
    this.#countUnits();
  }

  get state(): 'available' | 'draining' {
    return this.#state;
  }

  /** From now on, the addon answers most calls itself. Returns what the server of the connections needs for that. */
  serve(): CallServing | undefined {
    const { models, metrics } = this.#options;
    this.#fast ??= openFastCalls({
      models: models.map(({ model }) => model),
      limits: this.#limits,
      mostBatchAsks: MOST_BATCH_ASKS,
      mostQueuedAsks: MOST_QUEUED_ASKS,
      onCancelled: () => metrics?.calls.inc({ outcome: 'cancelled' }),
    });
    if (this.#fast !== undefined) metrics?.follow(this.#fast);
    return this.#fast;
  }

  get counts(): CallCounts {
    const { answered, inFlight } = this.#fast?.counts ?? { answered: 0, inFlight: 0 };
    return { answered: this.#answered + answered, inFlight: this.#calls.count + inFlight };
  }

  /** `expert.run` for a gateway in the same thread. It needs no queue, because no other call can be running. */
  readonly run = async ({ model, layer, rows, asks }: RunRequest): Promise<RunAnswer> => {
    const experts = this.#heldOf(model);
    experts.requireHeld(layer, asks);
    const startedAt = performance.now();
    const answers = await experts.device.run(layer, rows, asks).catch((cause) => {
      throw deviceFailed(layer, cause);
    });
    const fault = experts.faultOf(layer, asks, answers);
    if (fault !== undefined) throw fault;
    return { rows: answers, runMs: performance.now() - startedAt, queueMs: 0 };
  };

  /** The operations by which placements change a model. Undefined if this shard does not hold the model. */
  placeable(identity: string): Placeable | undefined {
    const model = this.#held.get(identity);
    if (model === undefined) return undefined;
    return {
      get offer() {
        return model.offer;
      },
      follow(placement) {
        model.placement = placement;
      },
      add: (units) => {
        model.add(units);
        this.#countUnits();
      },
      remove: async (units) => {
        model.remove(units);
        this.#countUnits();
        await Promise.all([this.#calls.ended(), this.#fast?.shut(model.model, units)]);
      },
    };
  }

  /** From now on, `hello` answers the state `draining`, and new calls are refused. Resolves when no call is in flight. */
  async drain(): Promise<void> {
    this.#state = 'draining';
    this.#fast?.stop();
    await Promise.all([this.#calls.ended(), this.#fast?.ended()]);
  }

  #hello(params: Params): Value {
    const { protocol } = parseHelloParams(params);
    const { version, name, zone, residentBytes } = this.#options;
    const held = [...this.#held.values()];
    return helloAnswerToValue({
      protocol,
      version,
      instance: this.#instance,
      state: this.#state,
      models: held.map(({ offer }) => offer),
      limits: this.#limits,
      epoch: Math.max(...held.map(({ placement }) => placement?.epoch ?? 0)),
      ...(name !== undefined && { name }),
      ...(zone !== undefined && { zone }),
      ...(residentBytes !== undefined && { residentBytes: residentBytes() }),
    });
  }

  async #answer(params: Params, call: HandlerContext): Promise<Value> {
    const { metrics } = this.#options;
    const ticket = this.#calls.begin();
    try {
      if (this.#state === 'draining') throw new RpcError('draining', 'this shard is leaving service');
      const request = parseRunRequest(params, this.#shapes, this.#limits);
      this.#heldOf(request.model).requireHeld(request.layer, request.asks);
      const answer = await this.#enqueue(request, call);
      this.#answered++;
      metrics?.answered();
      return answer;
    } catch (cause) {
      const error = toRpcError(cause);
      metrics?.calls.inc({ outcome: error.code });
      throw error;
    } finally {
      this.#calls.end(ticket);
    }
  }

  #enqueue({ model, layer, priority, rows, asks }: RunRequest, call: HandlerContext): Promise<Value> {
    const queued = this.#queue.asks + (this.#fast?.queuedAsks ?? 0);
    if (queued + asks.length / 2 > MOST_QUEUED_ASKS) {
      const message = `${queued} (row, expert) pairs are waiting, of at most ${MOST_QUEUED_ASKS}`;
      throw new RpcError('busy', message, { retryAfterMs: BUSY_RETRY_MS });
    }
    return new Promise<Value>((resolve, reject) => {
      const queuedAt = performance.now();
      this.#queue.push({ model, layer, priority, rows, asks, call, queuedAt, resolve, reject });
      if (!this.#pumping) void this.#pump();
    });
  }

  #heldOf(identity: string): HeldModel {
    const model = this.#held.get(identity);
    if (model !== undefined) return model;
    throw new RpcError('incompatible', `this shard does not serve model ${identity}`);
  }

  /** Runs until the queue is empty. Each turn reads the sockets first, so that calls that have just arrived join a batch. */
  async #pump(): Promise<void> {
    this.#pumping = true;
    while (this.#queue.calls > 0) {
      await socketsRead();
      for (const job of this.#queue.takeDead(performance.now())) job.reject(whyDead(job));
      const batch = this.#queue.take(MOST_BATCH_ASKS);
      this.#options.metrics?.queuedCalls.set(this.#queue.calls);
      if (batch !== undefined) await this.#run(batch);
    }
    this.#pumping = false;
  }

  /** Settles every job of the batch, also if the device fails. */
  async #run({ model, layer, jobs }: Batch<RunJob>): Promise<void> {
    const startedAt = performance.now();
    try {
      const experts = this.#heldOf(model);
      const { hidden } = experts.model;
      const { rows, asks } = joinAsks(jobs, hidden);
      const answers = await experts.device.run(layer, rows, asks);
      const runMs = performance.now() - startedAt;
      this.#options.metrics?.ran({ jobs, asks, startedAt, runMs });
      this.#fast?.learn(experts);
      splitAnswers(jobs, answers, hidden).forEach((ofJob, i) => {
        const job = jobs[i]!;
        settle(job, experts, { rows: ofJob, runMs, queueMs: startedAt - job.queuedAt });
      });
    } catch (cause) {
      const error = deviceFailed(layer, cause);
      for (const job of jobs) job.reject(error);
    }
  }

  #countUnits(): void {
    const units = [...this.#held.values()].reduce((sum, held) => sum + held.units, 0);
    this.#options.metrics?.unitsHeld.set(units);
  }
}

function settle(job: RunJob, experts: HeldModel, answer: RunAnswer): void {
  const fault = experts.faultOf(job.layer, job.asks, answer.rows);
  if (job.call.aborted) job.reject(whyDead(job));
  else if (fault !== undefined) job.reject(fault);
  else job.resolve(runAnswerToValue(answer));
}

/** Models by identity. Throws if there is no model, or if two models have the same identity. */
function holdEach(models: readonly HeldModelOptions[]): ReadonlyMap<string, HeldModel> {
  const held = new Map(models.map((options) => [options.model.identity, new HeldModel(options)]));
  if (held.size === models.length && held.size > 0) return held;
  const given = [...held.keys()].join(', ') || 'none';
  throw new Error(`a shard needs at least one model, and models of different identities, not ${given}`);
}

/** The default limits, reduced to the number of rows of `hidden` floats that fit into a frame. */
function limitsFor(hidden: number): FrameLimits {
  const { frameBytes, rows, asks } = defaultLimits;
  // 4 KiB are left for the other fields of the message.
  const fit = Math.floor((frameBytes - 4_096) / (hidden * Float32Array.BYTES_PER_ELEMENT));
  if (fit < 1) throw new Error(`a frame of ${frameBytes} bytes cannot hold a row of ${hidden} floats`);
  return { rows: Math.min(rows, fit), asks: Math.min(asks, fit), frameBytes };
}

function whyDead({ call }: RunJob): RpcError {
  if (call.aborted) return toRpcError(call.signal.reason);
  return new RpcError('deadline', 'the deadline passed while the call waited');
}
