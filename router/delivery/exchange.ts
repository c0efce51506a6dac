// The common case of a layer: all frames go out in one exchange of the addon, and this thread sleeps until the answers are in. Only
// what did not come in a short time is awaited in the event loop.
import type { RunAnswer } from '../../experts/wire/run.ts';
import {
  canExchange,
  Exchange,
  fitsExchange,
  type HopFrame,
  type Outcome,
} from '../../rpc/socket/exchange.ts';
import type { Line } from '../../rpc/transport.ts';
import { askFrame, rowsOf } from './inquiry.ts';
import type { Action, Call, Ledger } from './ledger.ts';

/** Longest sleep. This thread handles no requests and aborts meanwhile. */
const MOST_SLEEP_MS = 5;

/** The answer to a call, `[slots, hidden]`, or how to wait for it. */
export type Exchanged = { rows: Float32Array } | { late: (signal: AbortSignal) => Promise<RunAnswer> };

/** A call to another process, and the connection that it goes over. */
interface RemoteCall {
  call: Call;
  line: Line;
}

/** Calls of other processes, and calls of shards in this thread, which run meanwhile. */
export interface Exchangeable {
  remote: RemoteCall[];
  here: Call[];
}

/** The calls to exchange; undefined if the actions are anything but calls over connections of the addon. */
export function exchangeable(
  { step, now, deadlineAt }: Ledger,
  actions: readonly Action[],
): Exchangeable | undefined {
  if (step.mayBlock !== true || deadlineAt <= now || !canExchange(actions.length, step.model))
    return undefined;
  const remote: RemoteCall[] = [];
  const here: Call[] = [];
  for (const action of actions) {
    if (action.type !== 'send') return undefined;
    const { call } = action;
    if (call.shard.isHere) {
      here.push(call);
      continue;
    }
    const { rows, asks, prefill } = call.frame;
    const line = call.shard.line(prefill);
    // An answer of another zone takes so long that this thread must not sleep meanwhile.
    if (!call.shard.isNear) return undefined;
    if (line === undefined || !fitsExchange(rows.length, asks.length / 2, step.hidden)) return undefined;
    remote.push({ call, line });
  }
  return remote.length === 0 ? undefined : { remote, here };
}

/** The exchange of the calls of one layer. */
export class CallExchange {
  readonly #ledger: Ledger;
  readonly #calls: readonly Call[];
  readonly #frames: readonly HopFrame[];
  readonly #opened: ReturnType<Call['shard']['calls']['open']>[];
  readonly #exchange: Exchange;

  constructor(ledger: Ledger, remote: readonly RemoteCall[]) {
    const { step, now, deadlineAt } = ledger;
    const { fleet, model, layer, x, hidden } = step;
    const deadlineMs = deadlineAt - now;
    this.#ledger = ledger;
    this.#calls = remote.map(({ call }) => call);
    this.#frames = remote.map(({ call: { frame }, line }): HopFrame => {
      return { line, priority: frame.prefill ? 1 : 0, deadlineMs, rows: frame.rows, asks: frame.asks };
    });
    this.#opened = this.#calls.map(({ frame: { prefill, rows, asks }, shard }) => {
      const bytes = rows.length * hidden * Float32Array.BYTES_PER_ELEMENT;
      return shard.calls.open(asks.length / 2, bytes, { deadlineMs, bulk: prefill });
    });
    this.#exchange = new Exchange({ model, layer, epoch: fleet.epoch, x, hidden, frames: this.#frames });
  }

  /** Sends the frames without waiting. */
  send(): void {
    this.#exchange.run(0);
  }

  /** Sends the frames if they are not sent yet, and waits. Returns one result for each call, in order. */
  gather(): Exchanged[] {
    const { step, now, deadlineAt } = this.#ledger;
    const until = Math.min(now + MOST_SLEEP_MS, deadlineAt, ...this.#calls.map(({ wakeAt }) => wakeAt));
    step.fleet.sleptMs += this.#exchange.run(until - performance.now());
    const outcomes = this.#exchange.outcomes();
    let at = 0;
    return outcomes.map((outcome, i) => {
      const floats = this.#calls[i]!.frame.slots.length * step.hidden;
      at += floats;
      if (outcome.is !== 'answered') return { late: this.#later(i, outcome) };
      this.#calls[i]!.shard.calls.done(this.#opened[i]!, floats * Float32Array.BYTES_PER_ELEMENT);
      return { rows: this.#exchange.answers.subarray(at - floats, at) };
    });
  }

  /** Waits for the answer of call `i` in the event loop, or sends the call there. */
  #later(
    i: number,
    outcome: Exclude<Outcome, { is: 'answered' }>,
  ): (signal: AbortSignal) => Promise<RunAnswer> {
    const { step, deadlineAt } = this.#ledger;
    const { frame, shard } = this.#calls[i]!;
    const open = this.#opened[i]!;
    const { line } = this.#frames[i]!;
    const optionsFor = (signal: AbortSignal) => {
      return { deadlineMs: deadlineAt - performance.now(), bulk: frame.prefill, signal };
    };
    if (outcome.is === 'not_sent') {
      shard.calls.withdraw(open);
      return (signal) => askFrame(step, frame, shard, { x: rowsOf(frame, step), ...optionsFor(signal) });
    }
    const sent = { layer: step.layer, asks: frame.asks };
    return (signal) => shard.answerTo(line, outcome.id, open, sent, optionsFor(signal));
  }
}
