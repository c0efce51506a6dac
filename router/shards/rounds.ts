// Golden rows asked of one shard: a first few, then one after another for as long as it is connected. Knows no states.
import { type RpcError, toRpcError } from '../../rpc/errors.ts';
import type { Link } from './link.ts';
import { askGoldens, holds, type Proof, type Unit, unitAt, unitsIn } from './proof.ts';

export interface RoundsOptions {
  proof: Proof;
  link: Link;
  first: readonly Unit[];
  pace: {
    /** All units of a shard have been asked for once within it. Milliseconds. */
    roundMs: number;
    /** Between two golden rows at least. Milliseconds. */
    leastPauseMs: number;
    /** Of each answer. */
    goldenDeadlineMs: number;
  };
  pause: (ms: number) => Promise<void>;
  signal: AbortSignal;
  goesOn: () => boolean;
  onAsked: (units: number) => void;
  onRight: () => void;
  /** No answer came, for the reason that `error` has; they are asked again as long as that goes on. */
  onUnanswered: (error: RpcError, sentAt: number) => void;
  /** The last that is called. */
  onWrong: (fault: string, units: readonly Unit[]) => void;
  /** They cannot be compared here. */
  onUnable: (message: string) => void;
}

/** A golden row that found the shard busy or silent is asked for again. */
const retryMs = 200;

export async function askInRounds({
  proof,
  link,
  first,
  pace: { roundMs, leastPauseMs, goldenDeadlineMs: deadlineMs },
  pause,
  signal,
  goesOn,
  onAsked,
  onRight,
  onUnanswered,
  onWrong,
  onUnable,
}: RoundsOptions): Promise<void> {
  let units = first;
  let next = Math.floor(Math.random() * 0x10000);
  let turn = next;
  while (goesOn()) {
    const sentAt = performance.now();
    try {
      units = units.filter((unit) => holds(link.holdings, unit)); // it may have been told to let some go
      onAsked(units.length);
      const run: Link['run'] = (request, options) => link.run(request, options);
      const fault = await askGoldens({ proof, offer: link.offer, run, units, deadlineMs, turn, signal });
      if (!goesOn()) return;
      if (fault !== undefined) return onWrong(fault, units);
      turn += Math.max(1, units.length);
      onRight();
      await pause(Math.max(leastPauseMs, roundMs / Math.max(1, unitsIn(link.holdings))));
      const unit = unitAt(link.holdings, next++);
      units = unit === undefined ? [] : [unit];
    } catch (cause) {
      // No answer is no wrong answer. Nor is it the shard's fault where the golden rows cannot be read here.
      const error = toRpcError(cause);
      const { code, message } = error;
      if (code !== 'internal' && goesOn()) onUnanswered(error, sentAt);
      if (code === 'internal') {
        onUnable(message);
        onRight(); // it is taken at its word, as where there are no golden rows
        const unit = unitAt(link.holdings, next++);
        units = unit === undefined ? [] : [unit];
      }
      await pause(retryMs);
    }
  }
}
