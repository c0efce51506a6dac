// The shard service: answers hello and expert.run for every model that it holds experts of; joins what is queued for one
// layer of one model and runs each expert once. Knows rows of floats; no sockets, no routing, no weights of its own.
import { randomUUID } from 'node:crypto';
import { setImmediate as socketsRead } from 'node:timers/promises';
import { RpcError, toRpcError } from '../rpc/errors.ts';
import type { HandlerContext, Handlers, Value } from '../rpc/transport.ts';
import { joinAsks, splitAnswers } from './batch.ts';
import { deviceFailed, HeldModel, type HeldModelOptions } from './held-model.ts';
import { type CallCounts, InFlight } from './in-flight.ts';
import type { ShardMetrics } from './metrics.ts';
import type { Placeable } from './placing/placed-model.ts';
import { type Batch, type Job, LayerQueue } from './queue.ts';
import {
  defaultLimits,
  type FrameLimits,
  helloAnswerToValue,
  parseHelloParams,
  parseRunRequest,
  type RunAnswer,
  type RunRequest,
  runAnswerToValue,
} from './wire.ts';

export interface ShardServiceOptions {
  /** Each of another identity: calls name their model by it. */
  models: readonly HeldModelOptions[];
  version: string;
  /** What placements call this shard. */
  name?: () => string;
  /** Memory of the process that is resident now; absent: hello does not tell it. */
  residentBytes?: () => number;
  /** Absent: nothing is counted. */
  metrics?: ShardMetrics;
  limits?: FrameLimits;
  /** Pairs (row, expert) of one run. Bounds how long the thread is away from its sockets. */
  maxBatchAsks?: number;
  /** Pairs that may wait; one call more is answered `busy`. */
  maxQueuedAsks?: number;
}

export interface ShardService {
  handlers: Handlers;
  /**
   * `expert.run` for a gateway in this very thread: without a message, a limit or a queue, for nothing else can be under
   * way.
   */
  run(request: RunRequest): Promise<RunAnswer>;
  readonly state: 'available' | 'draining';
  readonly counts: CallCounts;
  /** What is held of a model as it changes; undefined where it is none of this shard's. */
  placeable(identity: string): Placeable | undefined;
  /** From now on hello says `draining` and calls are refused; resolves once those in flight have been answered. */
  drain(): Promise<void>;
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

const busyRetryMs = 100;

export function createShardService({
  models,
  version,
  name,
  residentBytes,
  metrics,
  limits = defaultLimits,
  maxBatchAsks = 512,
  maxQueuedAsks = 16_384,
}: ShardServiceOptions): ShardService {
  const held = holdEach(models);
  const instance = randomUUID();
  const widest = Math.max(...models.map(({ model }) => model.hidden));
  const fit = rowsThatFit(limits.frameBytes, widest);
  const fitting = { ...limits, rows: Math.min(limits.rows, fit), asks: Math.min(limits.asks, fit) };
  const queue = new LayerQueue<RunJob>();
  let state: ShardService['state'] = 'available';
  let pumping = false;
  const calls = new InFlight();
  let answered = 0;
  const countUnits = () =>
    metrics?.unitsHeld.set([...held.values()].reduce((sum, { units }) => sum + units, 0));
  countUnits();

  const handlers: Handlers = {
    async hello(params) {
      const { protocol } = parseHelloParams(params);
      const offers = [...held.values()].map(({ offer }) => offer);
      const epoch = Math.max(...[...held.values()].map(({ placement }) => placement?.epoch ?? 0));
      return helloAnswerToValue({
        protocol,
        version,
        instance,
        state,
        models: offers,
        limits: fitting,
        epoch,
        ...(name !== undefined && { name: name() }),
        ...(residentBytes !== undefined && { residentBytes: residentBytes() }),
      });
    },

    async 'expert.run'(params, call) {
      const ticket = calls.begin();
      try {
        if (state === 'draining') throw new RpcError('draining', 'this shard is leaving service');
        const { model, layer, priority, rows, asks } = parseRunRequest(params, held, fitting);
        heldOf(model).requireHeld(layer, asks);
        if (queue.asks + asks.length / 2 > maxQueuedAsks) {
          const message = `${queue.asks} rows wait, of ${maxQueuedAsks} that may`;
          throw new RpcError('busy', message, { retryAfterMs: busyRetryMs });
        }
        const answer = await new Promise<Value>((resolve, reject) => {
          const queuedAt = performance.now();
          queue.push({ model, layer, priority, rows, asks, call, queuedAt, resolve, reject });
          if (!pumping) void pump();
        });
        answered++;
        metrics?.answered();
        return answer;
      } catch (cause) {
        const error = toRpcError(cause);
        metrics?.calls.inc({ outcome: error.code });
        throw error;
      } finally {
        calls.end(ticket);
      }
    },
  };

  function heldOf(identity: string): HeldModel {
    const model = held.get(identity);
    if (model !== undefined) return model;
    throw new RpcError('incompatible', `this shard does not serve model ${identity}`);
  }

  /** Runs while anything waits. Each turn first lets the sockets be read: what came for a layer is joined to it. */
  async function pump(): Promise<void> {
    pumping = true;
    while (queue.calls > 0) {
      await socketsRead();
      for (const job of queue.takeDead(performance.now())) job.reject(whyDead(job));
      const batch = queue.take(maxBatchAsks);
      metrics?.queuedCalls.set(queue.calls);
      if (batch !== undefined) await run(batch);
    }
    pumping = false;
  }

  /** Settles every job of the batch, whatever the device does. */
  async function run({ model, layer, jobs }: Batch<RunJob>): Promise<void> {
    const startedAt = performance.now();
    try {
      const experts = heldOf(model);
      const { hidden } = experts;
      const { rows, asks } = joinAsks(jobs, hidden);
      const answers = await experts.device.run(layer, rows, asks);
      const runMs = performance.now() - startedAt;
      metrics?.ran({ jobs, asks, startedAt, runMs });
      splitAnswers(jobs, answers, hidden).forEach((ofJob, i) => {
        const job = jobs[i]!;
        settle(job, experts, { rows: ofJob, runMs, queueMs: startedAt - job.queuedAt });
      });
    } catch (cause) {
      const error = deviceFailed(layer, cause);
      for (const job of jobs) job.reject(error);
    }
  }

  function settle(job: RunJob, experts: HeldModel, answer: RunAnswer): void {
    const fault = experts.faultOf(job.layer, job.asks, answer.rows);
    if (job.call.aborted) job.reject(whyDead(job));
    else if (fault !== undefined) job.reject(fault);
    else job.resolve(runAnswerToValue(answer));
  }

  return {
    handlers,
    async run({ model, layer, rows, asks }) {
      const experts = heldOf(model);
      experts.requireHeld(layer, asks);
      const startedAt = performance.now();
      const answers = await experts.device.run(layer, rows, asks).catch((cause) => {
        throw deviceFailed(layer, cause);
      });
      const fault = experts.faultOf(layer, asks, answers);
      if (fault !== undefined) throw fault;
      return { rows: answers, runMs: performance.now() - startedAt, queueMs: 0 };
    },
    get state() {
      return state;
    },
    get counts() {
      return { answered, inFlight: calls.count };
    },
    placeable(identity) {
      const model = held.get(identity);
      if (model === undefined) return undefined;
      return {
        get offer() {
          return model.offer;
        },
        follow(placement) {
          model.placement = placement;
        },
        add(units) {
          model.add(units);
          countUnits();
        },
        async remove(units) {
          model.remove(units);
          countUnits();
          await calls.ended();
        },
      };
    },
    drain() {
      state = 'draining';
      return calls.ended();
    },
  };
}

/** By identity. Throws where two have the same one, which a call could not tell apart. */
function holdEach(models: readonly HeldModelOptions[]): ReadonlyMap<string, HeldModel> {
  const held = new Map(models.map((options) => [options.model.identity, new HeldModel(options)]));
  if (held.size === models.length && held.size > 0) return held;
  throw new Error(
    `a shard holds models of different identities, not ${[...held.keys()].join(', ') || 'none'}`,
  );
}

/** Rows that a frame can carry, with room for a message's few other fields. */
function rowsThatFit(frameBytes: number, hidden: number): number {
  const rows = Math.floor((frameBytes - 4_096) / (hidden * Float32Array.BYTES_PER_ELEMENT));
  if (rows < 1) throw new Error(`a frame of ${frameBytes} bytes cannot hold a row of ${hidden} floats`);
  return rows;
}

function whyDead({ call }: RunJob): RpcError {
  if (call.aborted) return toRpcError(call.signal.reason);
  return new RpcError('deadline', 'the deadline passed while the call waited');
}
