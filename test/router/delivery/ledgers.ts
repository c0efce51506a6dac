// Ledgers with shards that are plain data, for tests of the rules of delivery without timers, sockets and promises.
import { Budget, Sample } from '../../../router/delivery/budget.ts';
import type { Replicas } from '../../../router/delivery/ladder.ts';
import { Quantile } from '../../../router/delivery/latency.ts';
import {
  type Action,
  type Call,
  type DispatchOptions,
  type Event,
  firstAttempt,
  type Ledger,
  openLedger,
} from '../../../router/delivery/ledger.ts';
import { next } from '../../../router/delivery/next.ts';
import type { Fleet } from '../../../router/fleet.ts';
import type { Shard } from '../../../router/shards/shard.ts';

/** A shard with the fields that the rules read. All shards cost the same, and the first of several is called. */
export function shard(address: string, { isHere = false, isNear = true } = {}): Shard {
  const latencies = { decode: quantiles(), prefill: quantiles() };
  const limits = { rows: 64, asks: 512 };
  const fields = { address, isHere, isNear, silent: false, cost: () => 1, limits, latencies };
  return fields as unknown as Shard;
}

function quantiles() {
  return { median: new Quantile(0.5), late: new Quantile(0.95) };
}

export interface Setting {
  /** Replicas by expert. An expert without an entry has no replica. */
  held: Record<number, Partial<Replicas<Shard>>>;
  /** Experts of each row. */
  rows: number[][];
  /** Hedges that the budget has left. */
  hedges?: number;
  auditShare?: number;
  patienceMs?: number;
  step?: Partial<DispatchOptions>;
}

/** A ledger at time 0 with a deadline at 1,000 ms. A call is late after 50 ms and lost after 400 ms. */
export function ledgerOf({
  held,
  rows,
  hedges = 0,
  auditShare = 0,
  patienceMs = 200,
  step,
}: Setting): Ledger {
  const budget = new Budget(0);
  const fleet = {
    replicas: (_: number, expert: number) => ({ exact: [], otherClass: [], standby: [], ...held[expert] }),
    replicated: Object.values(held).some(({ exact = [] }) => exact.length > 1),
    random: () => 0,
    hedges: Object.assign(budget, { spend: () => hedges-- > 0 }),
    audits: new Sample(auditShare, () => 0.5),
    latencies: { decode: quantiles(), prefill: quantiles() },
    policy: { hedgeBudget: 0, auditShare, patienceMs },
    calls: { retried: 0, hedged: 0, hedgeWins: 0, audited: 0, mismatches: 0 },
  };
  const experts = Uint16Array.from(rows.flat());
  const assignment = { k: rows[0]!.length, experts, weights: new Float32Array(experts.length).fill(1) };
  const x = new Float32Array(rows.length);
  return openLedger(
    {
      fleet: fleet as unknown as Fleet,
      model: 'm',
      layer: 0,
      x,
      hidden: 1,
      assignment,
      deadlineMs: 1_000,
      ...step,
    },
    0,
  );
}

export function begin(ledger: Ledger): Action[] {
  return next(ledger, { type: 'begun', slots: undefined, attempt: firstAttempt });
}

export function at(ledger: Ledger, now: number, event: Event): Action[] {
  ledger.now = now;
  return next(ledger, event);
}

/** The call under way at a shard. */
export function callAt(ledger: Ledger, address: string): Call {
  const call = ledger.open.find((entry) => entry.type === 'call' && entry.shard.address === address);
  if (call?.type !== 'call') throw new Error(`no call at ${address}`);
  return call;
}

/** Actions as text: `send a 0,1` sends slots 0 and 1 to shard a; `cancel b` cancels the call to shard b. */
export function told(actions: readonly Action[]): string[] {
  return actions.map((action) => {
    switch (action.type) {
      case 'send':
        return `send ${action.call.shard.address} ${action.call.slots}`;
      case 'wait':
        return `wait ${action.wait.ms} ${action.wait.slots}`;
      case 'cancel': {
        const { entry, isBeaten } = action;
        const of = entry.type === 'call' ? entry.shard.address : 'wait';
        return `cancel ${of}${isBeaten ? ' beaten' : ''}`;
      }
      case 'blame':
        return `blame ${action.call.shard.address}`;
      case 'avoid':
        return `avoid ${action.shard.address}`;
      default:
        return `${action.type} ${action.audit.call.shard.address}`;
    }
  });
}

/** An answer with one number for each slot. */
export function answer(call: Call, value = 1): Event {
  return { type: 'answered', call, rows: new Float32Array(call.slots.length).fill(value) };
}
