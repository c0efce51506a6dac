// Golden checks: a shard's answers to the bundle's golden rows are compared with the stored ones. Knows no files and no states.

import type { ModelOffer } from '../../experts/wire/model.ts';
import type { RunRequest } from '../../experts/wire/run.ts';
import { type RpcError, toRpcError } from '../../rpc/errors.ts';
import type { Link } from './link.ts';
import { holds, type Unit, unitAt, unitsIn } from './units.ts';

/** The golden rows of one bundle. */
export interface Goldens {
  /** Whether the answers of a shard with this offer can be compared: golden rows are of one precision. */
  covers(offer: ModelOffer): boolean;
  /** `[hidden]`, the layer's row. */
  input(layer: number): Float32Array;
  /** Why `answer [hidden]` to the layer's row is wrong; undefined if it is right. */
  fault(answer: Float32Array, unit: Unit, numericsClass: string): Promise<string | undefined>;
}

/** Takes the place of golden rows if there are none: any answer is right, but there must be one. */
export function anyAnswer(hidden: number): Goldens {
  const zeros = new Float32Array(hidden);
  return { covers: () => true, input: () => zeros, fault: async () => undefined };
}

/** Deadline of one golden row. */
export const GOLDEN_DEADLINE_MS = 10_000;

export interface AskOptions {
  goldens: Goldens;
  offer: ModelOffer;
  run: Link['run'];
  units: readonly Unit[];
  /** For each answer. */
  deadlineMs: number;
  /** Rows are asked as prefill and decode rows by turns, because a shard may answer one kind only. Even: prefill first. */
  turn?: number;
  signal: AbortSignal;
}

/**
 * Asks for the golden rows of `units`, one by one, and gives the first fault, if any. A number that is not finite and a call
 * that the shard failed are faults. Rejects if no answer came, or if it could not be compared.
 */
export async function askGoldens(options: AskOptions): Promise<string | undefined> {
  const { goldens, offer, run, units, deadlineMs, turn = 0, signal } = options;
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
    const answer = await run(request, { deadlineMs, bulk, signal }).catch(toRpcError);
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
  /** No answer came, which is no wrong answer. */
  | { is: 'unanswered'; error: RpcError; sentAt: number }
  /** The golden rows cannot be read here, which is not the shard's fault. */
  | { is: 'unable'; message: string };

export interface ChecksOptions extends Pick<AskOptions, 'goldens' | 'signal'> {
  link: Link;
  /** Units that are asked for first. */
  first: readonly Unit[];
  /** `roundMs`: all units of the shard are asked for once within it. `leastPauseMs`: between two golden rows. */
  pace: { roundMs: number; leastPauseMs: number; goldenDeadlineMs: number };
  pause: (ms: number) => Promise<void>;
  goesOn: () => boolean;
  /** Units are asked for. */
  onAsk: (units: number) => void;
}

/** Pause before asking again for units that found the shard busy or silent. */
const RETRY_MS = 200;

/** Asks for the units `first`, and then for one unit after another as long as `goesOn`; yields what came of each. */
export async function* goldenChecks(options: ChecksOptions): AsyncGenerator<CheckOutcome, void, void> {
  const { goldens, link, first, pace, pause, goesOn, onAsk, signal } = options;
  const run: Link['run'] = (request, options) => link.run(request, options);
  let units = first;
  let next = Math.floor(Math.random() * 0x10000);
  let turn = next;
  while (goesOn()) {
    units = units.filter((unit) => holds(link.holdings, unit)); // the shard may have let some go
    onAsk(units.length);
    const asked = { goldens, offer: link.offer, run, units, deadlineMs: pace.goldenDeadlineMs, turn, signal };
    const outcome = await outcomeOf(asked);
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
