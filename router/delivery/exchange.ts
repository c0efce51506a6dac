// The common case of a layer: all frames go out in one exchange of the addon, and this thread sleeps until the answers are in. Only
// what did not come in a short time is awaited in the event loop.
import type { RunAnswer } from '../../experts/wire/run.ts';
import { canExchange, exchange, type HopFrame } from '../../rpc/socket/exchange.ts';
import type { Line } from '../../rpc/transport.ts';
import { askFrame, rowsOf } from './inquiry.ts';
import type { Action, Call, Ledger } from './ledger.ts';

/** Longest sleep. This thread handles no requests and aborts meanwhile. */
const MOST_SLEEP_MS = 5;

/** The answer to a call: rows `[slots, hidden]`, or a promise of them. */
export type Exchanged = { rows: Float32Array } | { late: (signal: AbortSignal) => Promise<RunAnswer> };

/** The calls to exchange; undefined if the actions are anything but calls over connections of the addon. */
export function exchangeable({ step }: Ledger, actions: readonly Action[]): Call[] | undefined {
  if (step.mayBlock !== true || !canExchange(actions.length, step.model)) return undefined;
  const calls: Call[] = [];
  for (const action of actions) {
    if (action.type !== 'send' || action.call.shard.line(action.call.frame.prefill) === undefined)
      return undefined;
    calls.push(action.call);
  }
  return calls.length === 0 ? undefined : calls;
}

/** One result for each call, in order. */
export function exchangeCalls(ledger: Ledger, calls: readonly Call[]): Exchanged[] {
  const { step, now, deadlineAt } = ledger;
  const { fleet, model, layer, x, hidden } = step;
  const deadlineMs = deadlineAt - now;
  let untilMs = Math.min(MOST_SLEEP_MS, deadlineMs);
  const frames: (HopFrame & { line: Line })[] = [];
  const opened = calls.map(({ frame, shard, wakeAt }) => {
    const { prefill, rows, asks } = frame;
    const line = shard.line(prefill);
    if (line === undefined) throw new Error(`shard ${shard.address} has no line`);
    untilMs = Math.min(untilMs, wakeAt - now);
    frames.push({ line, priority: prefill ? 1 : 0, deadlineMs, rows, asks });
    return shard.calls.open(asks.length / 2, rows.length * hidden * 4, { deadlineMs, bulk: prefill });
  });
  const { epoch } = fleet;
  const { answers, outcomes, sleptMs } = exchange({
    model,
    layer,
    epoch,
    x,
    hidden,
    frames,
    waitMs: untilMs,
  });
  fleet.sleptMs += sleptMs;
  let at = 0;
  return calls.map(({ frame, shard }, i) => {
    const outcome = outcomes[i]!;
    const open = opened[i]!;
    const floats = frame.slots.length * hidden;
    at += floats;
    if (outcome.is === 'answered') {
      shard.calls.done(open, 4 * floats);
      return { rows: answers.subarray(at - floats, at) };
    }
    const optionsFor = (signal: AbortSignal) => {
      return { deadlineMs: deadlineAt - performance.now(), bulk: frame.prefill, signal };
    };
    if (outcome.is === 'sent') {
      const { line } = frames[i]!;
      const sent = { layer, asks: frame.asks };
      return { late: (signal) => shard.answerTo(line, outcome.id, open, sent, optionsFor(signal)) };
    }
    shard.calls.withdraw(open);
    return {
      late: (signal) => askFrame(step, frame, shard, { x: rowsOf(frame, step), ...optionsFor(signal) }),
    };
  });
}
