// Golden checks: compares a shard's answers to the bundle's golden rows with the stored answers. Knows no files and no states.
import type { ModelOffer } from '../../experts/wire/model.ts';
import type { RunRequest } from '../../experts/wire/run.ts';
import { type RpcError, toRpcError } from '../../rpc/errors.ts';
import type { Link } from './link.ts';
import type { Pace } from './pace.ts';
import { holds, type Unit, unitAt, unitsIn } from './units.ts';

/** The golden rows of one bundle. */
export interface Goldens {
  /** Whether golden rows exist for the precision of this offer. */
  covers(offer: ModelOffer): boolean;
  /** `[hidden]`, the golden row of the layer. */
  input(layer: number): Float32Array;
  /** Why `answer [hidden]` to the layer's golden row is wrong; undefined if it is right. */
  fault(answer: Float32Array, unit: Unit, numericsClass: string): Promise<string | undefined>;
}

/** Stands in for missing golden rows: every answer counts as right, so the check only shows that the shard answers. */
export function anyAnswer(hidden: number): Goldens {
  const zeros = new Float32Array(hidden);
  return { covers: () => true, input: () => zeros, fault: async () => undefined };
}

/** Deadline of one golden row. */
export const GOLDEN_DEADLINE_MS = 10_000;

export interface AskOptions {
  goldens: Goldens;
  offer: ModelOffer;
  shard: Pick<Link, 'run'>;
  units: readonly Unit[];
  /** Deadline of each answer. */
  deadlineMs: number;
  /** Even: the first golden row is sent as a prefill row, odd: as a decode row. The kinds alternate from there. Default: 0. */
  turn?: number;
  signal: AbortSignal;
}

/**
 * Sends the golden rows of `units` one by one, by turns as prefill and decode rows, because a shard may answer only one kind.
 * Returns the first fault: a wrong answer, or the shard's error `internal`. Rejects if an answer is missing or cannot be compared.
 */
export async function askGoldens(options: AskOptions): Promise<string | undefined> {
  const { goldens, offer, shard, units, deadlineMs, turn = 0, signal } = options;
  for (const [index, { layer, expert }] of units.entries()) {
    const bulk = (turn + index) % 2 === 0;
    const request: RunRequest = {
      model: offer.identity,
      layer,
      priority: bulk ? 1 : 0,
      trace: 'golden',
      epoch: 0,
      rows: goldens.input(layer),
      asks: Uint16Array.of(0, expert),
    };
    const answer = await shard.run(request, { deadlineMs, bulk, signal }).catch(toRpcError);
    if (answer instanceof Error) {
      if (answer.code !== 'internal') throw answer;
      return answer.message;
    }
    const fault = await goldens.fault(answer.rows, { layer, expert }, offer.numericsClass);
    if (fault !== undefined) return `expert ${expert} of layer ${layer}: ${fault}`;
  }
  return undefined;
}

export type CheckOutcome =
  | { is: 'right' }
  | { is: 'wrong'; fault: string; units: readonly Unit[] }
  /** An answer is missing. The shard has given no wrong answer. */
  | { is: 'unanswered'; error: RpcError; sentAt: number }
  /** This gateway cannot read the golden rows. The shard has made no mistake. */
  | { is: 'unable'; message: string };

export interface ChecksOptions extends Pick<AskOptions, 'goldens' | 'signal'> {
  link: Link;
  /** Units of the first check. */
  first: readonly Unit[];
  pace: Pick<Pace, 'roundMs' | 'leastPauseMs' | 'goldenDeadlineMs'>;
  pause: (ms: number) => Promise<void>;
  /** The checks end when this returns false. */
  goesOn: () => boolean;
  /** Called before each check. `units`: number of units that are checked. */
  onAsk: (units: number) => void;
}

/** Pause before a check is repeated because a golden row was not answered. */
const RETRY_MS = 200;

/** Checks all units in `first` together, and then one unit after another. Yields the outcome of each check. */
export async function* goldenChecks(options: ChecksOptions): AsyncGenerator<CheckOutcome, void, void> {
  const { goldens, link, first, pace, pause, goesOn, onAsk, signal } = options;
  const { offer } = link;
  const deadlineMs = pace.goldenDeadlineMs;
  let units = first;
  let next = Math.floor(Math.random() * 0x10000);
  let turn = next;
  while (goesOn()) {
    units = units.filter((unit) => holds(link.holdings, unit)); // the shard may have unloaded some of them
    onAsk(units.length);
    const outcome = await outcomeOf({ goldens, offer, shard: link, units, deadlineMs, turn, signal });
    if (!goesOn()) return;
    yield outcome;
    const isRight = outcome.is === 'right';
    if (isRight) turn += Math.max(1, units.length);
    const roundPauseMs = Math.max(pace.leastPauseMs, pace.roundMs / Math.max(1, unitsIn(link.holdings)));
    await pause(isRight ? roundPauseMs : RETRY_MS);
    if (outcome.is === 'unanswered') continue;
    const unit = unitAt(link.holdings, next++);
    units = unit === undefined ? [] : [unit];
  }
}

async function outcomeOf(asked: AskOptions): Promise<CheckOutcome> {
  const { units } = asked;
  const sentAt = performance.now();
  try {
    const fault = await askGoldens(asked);
    return fault === undefined ? { is: 'right' } : { is: 'wrong', fault, units };
  } catch (cause) {
    const error = toRpcError(cause);
    if (error.code === 'internal') return { is: 'unable', message: error.message };
    return { is: 'unanswered', error, sentAt };
  }
}
