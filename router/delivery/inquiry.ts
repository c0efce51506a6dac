// Sends one frame of a layer to a shard, and makes the extra calls by which judge.ts finds a shard that answers wrongly.
import type { RunAnswer } from '../../experts/wire/run.ts';
import { afterSockets } from '../../rpc/deadline.ts';
import { toRpcError } from '../../rpc/errors.ts';
import type { Frame } from '../group.ts';
import { rowOf } from '../routing/assignment.ts';
import { askGoldens, GOLDEN_DEADLINE_MS } from '../shards/golden-checks.ts';
import type { Shard } from '../shards/shard.ts';
import type { Unit } from '../shards/units.ts';
import { nextStep, noEvidence } from './judge.ts';
import type { Difference, DispatchOptions } from './ledger.ts';

/** `x [frame.rows, hidden]`: the frame's rows. The answer has rows `[frame.slots, hidden]`. */
export function askFrame(
  { fleet, model, layer, trace = '' }: DispatchOptions,
  { prefill, asks }: Frame,
  shard: Shard,
  { x, deadlineMs, signal }: { x: Float32Array; deadlineMs: number; signal: AbortSignal },
): Promise<RunAnswer> {
  const { epoch } = fleet;
  const priority = prefill ? 1 : 0;
  return shard.run(
    { model, layer, priority, trace, epoch, rows: x, asks: Uint16Array.from(asks) },
    { deadlineMs, bulk: prefill, signal },
  );
}

/** The frame's rows, `[frame.rows, hidden]`: the step's own array, not a copy, if the frame has all rows of the step. */
export function rowsOf({ rows }: Frame, { x, hidden }: DispatchOptions): Float32Array {
  if (rows.length * hidden === x.length) return x;
  const gathered = new Float32Array(rows.length * hidden);
  for (const [i, row] of rows.entries())
    gathered.set(x.subarray(row * hidden, (row + 1) * hidden), i * hidden);
  return gathered;
}

export interface Inquiry {
  step: DispatchOptions;
  deadlineAt: number;
  /** Deadline of each call. */
  lostMs: number;
  signal: AbortSignal;
}

/**
 * Cordons and returns the shard that has answered wrongly. If the calls do not show which shard that is, logs a warning and
 * returns undefined. May take longer than the step.
 */
export async function findWrongShard(difference: Difference, inquiry: Inquiry): Promise<Shard | undefined> {
  const { fleet, layer, assignment } = inquiry.step;
  const unit = { layer, expert: assignment.experts[difference.slot]! };
  const ask = questionFor(difference.slot, unit, inquiry);
  const [a, b] = difference.answers;
  const { exact } = fleet.replicas(layer, unit.expert);
  const thirds = exact.filter((shard) => shard.isNear && shard !== a.shard && shard !== b.shard);
  const evidence = noEvidence();
  for (;;) {
    const step = nextStep(difference, thirds, evidence);
    if (step.type === 'ask_third') evidence.thirds.push(await ask(step.shard));
    else if (step.type === 'ask_again') evidence.repeats = await Promise.all([ask(a.shard), ask(b.shard)]);
    else if (step.type === 'ask_golden') {
      evidence.failedGolden.push(await failsGolden(step.shard, unit, inquiry));
    } else {
      report(step.wrongShard, unit, difference, fleet);
      return step.wrongShard;
    }
  }
}

/** Returns a function that sends only the slot's row to a shard. It resolves to undefined if the shard does not answer. */
function questionFor(slot: number, { expert }: Unit, inquiry: Inquiry) {
  const { step, deadlineAt } = inquiry;
  const rows = [rowOf(step.assignment, slot)];
  const frame: Frame = { owner: 0, prefill: false, rows, asks: [0, expert], slots: [slot] };
  const x = rowsOf(frame, step).slice(); // a copy, because the step may go on and change its rows
  return (shard: Shard) =>
    within(inquiry, (signal) => {
      const deadlineMs = deadlineAt - performance.now();
      const answer = askFrame(step, frame, shard, { x, deadlineMs, signal });
      return answer.then(
        (given) => given.rows,
        () => undefined,
      );
    });
}

async function failsGolden(shard: Shard, unit: Unit, inquiry: Inquiry): Promise<boolean> {
  const { fleet } = inquiry.step;
  const { goldens } = fleet;
  const { offer } = shard;
  if (goldens === undefined || offer === undefined || !goldens.covers(offer)) return false;
  const asked = { goldens, offer, shard, units: [unit], deadlineMs: GOLDEN_DEADLINE_MS };
  const fault = await within(inquiry, (signal) =>
    askGoldens({ ...asked, signal }).catch((cause) => {
      const { message } = toRpcError(cause);
      fleet.log('warn', `shard ${shard.address} did not answer a golden row: ${message}`);
      return undefined;
    }),
  );
  return fault !== undefined;
}

function report(
  wrongShard: Shard | undefined,
  unit: Unit,
  { answers: [a, b] }: Difference,
  fleet: DispatchOptions['fleet'],
): void {
  const named = `expert ${unit.expert} of layer ${unit.layer}`;
  if (wrongShard === undefined) {
    const both = `${a.shard.address} and ${b.shard.address}`;
    fleet.log('warn', `shards ${both} differ on ${named}, and neither is shown to be wrong`);
    return;
  }
  const witness = wrongShard === a.shard ? b : a;
  wrongShard.accuse(`its answer of ${named} differs from that of ${witness.shard.address}`, [unit]);
}

/** Resolves as `ask` does, or to undefined after `lostMs`. In both cases it then aborts the signal of `ask`. */
async function within<T>(
  { lostMs, signal: parent }: Inquiry,
  ask: (signal: AbortSignal) => Promise<T>,
): Promise<T | undefined> {
  const controller = new AbortController();
  const abort = () => controller.abort();
  if (parent.aborted) abort();
  else parent.addEventListener('abort', abort, { once: true });
  const answer = ask(controller.signal);
  const inTime = await Promise.race([answer, wait(lostMs, answer)]);
  parent.removeEventListener('abort', abort);
  abort();
  return inTime;
}

/** Resolves to undefined when `ms` have passed and the sockets were read after that. Never resolves once `call` has ended. */
export function wait(ms: number, call: Promise<unknown>): Promise<undefined> {
  return new Promise((resolve) => {
    const callOff = afterSockets(ms, () => resolve(undefined));
    void call.then(callOff, callOff);
  });
}
