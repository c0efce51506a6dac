// A call to one shard, and what else may be done while its answer is awaited: asking a second shard, or what is allowed
// instead. Knows no frames and no grouping.
import { RpcError } from '../../rpc/errors.ts';
import type { Fleet } from '../fleet.ts';
import type { Shard } from '../shards/shard.ts';
import { type Lateness, lateness, wait } from './lateness.ts';
import { Leash } from './leash.ts';
import { firstWhole, type Outcome, type Piece } from './outcome.ts';

/** One frame for one shard. */
export interface CallInHand {
  fleet: Fleet;
  shard: Shard;
  bulk: boolean;
  signal: AbortSignal;
  /** Sends it: the answer, or what came instead. */
  call: (signal: AbortSignal) => Promise<Piece | RpcError>;
  /** What that means, and no more is done. */
  judge: (result: Piece | RpcError) => Outcome;
  /** What that means; where it failed, by another attempt elsewhere. */
  settle: (result: Piece | RpcError) => Promise<Outcome>;
  /** The same rows by other exact copies, while this shard is still at them. */
  elsewhere: (signal: AbortSignal) => Promise<Outcome>;
}

/** Something worse stands in for a shard that takes so many times as long as one that counts as lost. */
const stepDownFactor = 3;

/** Sent to a second shard where it is late and the budget allows, or where it is very late; the first answer wins. */
export async function hedged(inHand: CallInHand): Promise<Outcome> {
  const { fleet, shard, signal } = inHand;
  const { lateMs, lostMs } = latenessOf(inHand);
  const second = new Leash(signal);
  const first = begin(inHand);
  const call = first.result;
  try {
    let result = await Promise.race([call, wait(lateMs, call)]);
    if (result !== undefined) return await inHand.settle(result);
    const isHedge = fleet.hedges.spend();
    if (isHedge) fleet.calls.hedged++;
    else {
      result = await Promise.race([call, wait(lostMs - lateMs, call)]);
      if (result !== undefined) return await inHand.settle(result);
      fleet.calls.retried++;
    }
    const own = call.then((ended) => inHand.judge(ended));
    const outcome = await firstWhole(own, inHand.elsewhere(second.signal));
    if (outcome === undefined) {
      second.cut(); // what it waits for beside this call may be worse than what is allowed now
      return await inHand.settle(await call);
    }
    if (isHedge && outcome.pieces.every((piece) => piece.shard !== shard)) fleet.calls.hedgeWins++;
    return outcome;
  } finally {
    first.giveUp();
    second.cut();
  }
}

/** The only exact copy of an expert: where it is very late, what the rows allow stands in. */
export async function steppedDown(inHand: CallInHand): Promise<Outcome> {
  const { shard } = inHand;
  const own = begin(inHand);
  const call = own.result;
  try {
    const ms = stepDownFactor * latenessOf(inHand).lostMs;
    const result = await Promise.race([call, wait(ms, call)]);
    if (result === undefined) shard.noteSilence();
    const late = new RpcError('unavailable', `shard ${shard.address}: no answer in ${Math.round(ms)} ms`);
    return await inHand.settle(result ?? late);
  } finally {
    own.giveUp();
  }
}

/** Sends the call. */
function begin({ call, shard, bulk, signal }: CallInHand) {
  const leash = new Leash(signal);
  const result = call(leash.signal);
  let ended = false;
  void result.then(() => {
    ended = true;
  });
  return {
    result,
    /** Cancels it where it is still under way, unless it is to tell whether the shard answers at all. */
    giveUp() {
      if (ended || signal.aborted || !shard.watches(bulk)) leash.cut();
      else
        void result.then(() => {
          leash.cut();
          shard.watched(bulk);
        });
    },
  };
}

export function latenessOf({ fleet, bulk }: Pick<CallInHand, 'fleet' | 'bulk'>): Lateness {
  return lateness(bulk ? fleet.latencies.bulk : fleet.latencies.short);
}
