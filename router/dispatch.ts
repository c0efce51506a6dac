// Sends a step's rows to the shards that hold their experts and gathers the answers. Knows rows of floats; no tokens,
// no sockets.
import { RpcError, toRpcError } from '../rpc/errors.ts';
import type { Fleet } from './fleet.ts';
import { type Frame, group } from './group.ts';
import type { Assignment } from './selection.ts';
import type { Shard } from './shard.ts';

export interface DispatchOptions {
  fleet: Fleet;
  /** Identity of the model. */
  model: string;
  layer: number;
  /** Normed rows, `[rows, hidden]`; left alone until the answer is in. */
  x: Float32Array;
  hidden: number;
  assignment: Assignment;
  /** 1 = the row takes part; absent: all do. */
  mask?: Uint8Array;
  /** 1 = a row of a prompt, which may wait behind generated ones; absent: none is. */
  bulk?: Uint8Array;
  deadlineMs: number;
  signal?: AbortSignal;
  trace?: string;
}

export interface Dispatched {
  /** `[rows, k, hidden]`, not weighted; zeros where a row failed or took no part. */
  answers: Float32Array;
  /** Rows that have no answer, or only a part of it, and why. */
  failed: Map<number, RpcError>;
}

/** Never rejects for a shard's sake: rows fail one by one. All frames are sent before any is awaited. */
export async function dispatch({
  fleet,
  model,
  layer,
  x,
  hidden,
  assignment,
  mask,
  bulk,
  deadlineMs,
  signal,
  trace = '',
}: DispatchOptions): Promise<Dispatched> {
  const { k } = assignment;
  const slots = assignment.experts.length;
  let answers: Float32Array | undefined;
  const failed = new Map<number, RpcError>();
  const owners = new Owners(fleet, layer);
  const { frames, unowned } = group({
    assignment,
    ownerOf: (expert) => owners.indexOf(expert),
    limitsOf: (owner) => owners.at(owner).limits,
    ...(mask === undefined ? {} : { mask }),
    ...(bulk === undefined ? {} : { bulk }),
  });
  for (const { row, expert } of unowned) {
    const message = `no connected shard holds expert ${expert} of layer ${layer}`;
    failed.set(row, new RpcError('unavailable', message));
  }

  async function send(frame: Frame): Promise<void> {
    try {
      const { rows } = await owners.at(frame.owner).run(
        {
          model,
          layer,
          priority: frame.bulk ? 1 : 0,
          trace,
          epoch: 0,
          rows: frame.rows.length * hidden === x.length ? x : gather(x, frame.rows, hidden),
          asks: Uint16Array.from(frame.asks),
        },
        { deadlineMs, bulk: frame.bulk, ...(signal === undefined ? {} : { signal }) },
      );
      // Slots ascend, so a frame with all of them has them in order: its answer is the whole one.
      if (frame.slots.length === slots) {
        answers = rows;
        return;
      }
      answers ??= new Float32Array(slots * hidden);
      for (const [ask, slot] of frame.slots.entries()) {
        answers.set(rows.subarray(ask * hidden, (ask + 1) * hidden), slot * hidden);
      }
    } catch (cause) {
      const error = toRpcError(cause);
      for (const slot of frame.slots) failed.set(Math.floor(slot / k), error);
    }
  }

  if (frames.length === 1) await send(frames[0]!);
  else await Promise.all(frames.map(send));
  return { answers: answers ?? new Float32Array(slots * hidden), failed };
}

/** The shard of each expert, looked up once a dispatch: an expert's rows stay together. */
class Owners {
  readonly #fleet: Fleet;
  readonly #layer: number;
  readonly #byExpert = new Map<number, number | undefined>();
  readonly #shards: Shard[] = [];

  constructor(fleet: Fleet, layer: number) {
    this.#fleet = fleet;
    this.#layer = layer;
  }

  indexOf(expert: number): number | undefined {
    if (this.#byExpert.has(expert)) return this.#byExpert.get(expert);
    const shard = this.#fleet.lookup(this.#layer, expert);
    let index: number | undefined;
    if (shard !== undefined) {
      const known = this.#shards.indexOf(shard);
      index = known >= 0 ? known : this.#shards.push(shard) - 1;
    }
    this.#byExpert.set(expert, index);
    return index;
  }

  at(index: number): Shard {
    return this.#shards[index]!;
  }
}

function gather(x: Float32Array, rows: readonly number[], hidden: number): Float32Array {
  const gathered = new Float32Array(rows.length * hidden);
  rows.forEach((row, i) => {
    gathered.set(x.subarray(row * hidden, (row + 1) * hidden), i * hidden);
  });
  return gathered;
}
