// What a gateway knows to be right of the experts it asks, and the asking. Knows no files: the answers are given to it.

import type { HoldingRange } from '../../experts/runs.ts';
import type { ModelOffer, RunAnswer, RunRequest } from '../../experts/wire.ts';
import { RpcError, toRpcError } from '../../rpc/errors.ts';
import type { CallOptions } from '../../rpc/transport.ts';

/** The bundle's golden rows. */
export interface Proof {
  /** Whether there are answers to compare with for a shard of this offer: they are of one precision. */
  speaksFor(offer: ModelOffer): boolean;
  /** `[hidden]`, the layer's row. */
  input(layer: number): Float32Array;
  /** Why `answer [hidden]` to the layer's row is wrong; undefined where it is right. */
  fault(
    answer: Float32Array,
    unit: { layer: number; expert: number },
    numericsClass: string,
  ): Promise<string | undefined>;
}

export interface Unit {
  layer: number;
  expert: number;
}

export interface AskOptions {
  proof: Proof;
  offer: ModelOffer;
  run: (request: RunRequest, options: CallOptions) => Promise<RunAnswer>;
  units: readonly Unit[];
  /** Of each answer. */
  deadlineMs: number;
  /** The first is asked as a bulk row where this is even, and then by turns: a shard may answer one kind of call only. */
  turn?: number;
  signal: AbortSignal;
}

/** Of a golden row. */
export const goldenDeadlineMs = 10_000;

/** Where there are no golden rows to compare with: any answer is right, but there must be one. */
export function anyAnswer(hidden: number): Proof {
  const zeros = new Float32Array(hidden);
  return { speaksFor: () => true, input: () => zeros, fault: async () => undefined };
}

/**
 * Asks for the golden rows of `units`, one by one, and gives the first fault, if any. A number that is not finite, or
 * that the shard failed, is one. Rejects where no answer came, or it could not be compared.
 */
export async function askGoldens({
  proof,
  offer,
  run,
  units,
  deadlineMs,
  turn = 0,
  signal,
}: AskOptions): Promise<string | undefined> {
  for (const [index, { layer, expert }] of units.entries()) {
    const bulk = (turn + index) % 2 === 0;
    const request: RunRequest = {
      model: offer.identity,
      layer,
      priority: bulk ? 1 : 0,
      trace: 'golden',
      epoch: 0,
      rows: proof.input(layer),
      asks: Uint16Array.of(0, expert),
    };
    const answer = await run(request, { deadlineMs, bulk, signal }).catch(toRpcError);
    if (answer instanceof RpcError) {
      if (answer.code !== 'internal') throw answer;
      return answer.message;
    }
    const fault = await proof.fault(answer.rows, { layer, expert }, offer.numericsClass);
    if (fault !== undefined) return `expert ${expert} of layer ${layer}: ${fault}`;
  }
  return undefined;
}

/** The `nth` of the units held, counted through the ranges and round again; undefined where none is. */
export function unitAt(holdings: readonly HoldingRange[], nth: number): Unit | undefined {
  const count = unitsIn(holdings);
  if (count === 0) return undefined;
  let left = nth % count;
  for (const [layer, first, last] of holdings) {
    if (left <= last - first) return { layer, expert: first + left };
    left -= last - first + 1;
  }
  return undefined;
}

export function holds(holdings: readonly HoldingRange[], { layer, expert }: Unit): boolean {
  return holdings.some(([of, first, last]) => of === layer && first <= expert && expert <= last);
}

export function unitsIn(holdings: readonly HoldingRange[]): number {
  return holdings.reduce((sum, [, first, last]) => sum + last - first + 1, 0);
}

/** `count` of the units held, evenly spread, beginning anywhere (`random` in [0, 1)). */
export function sampleUnits(holdings: readonly HoldingRange[], count: number, random: number): Unit[] {
  const all = unitsIn(holdings);
  const from = Math.floor(random * all);
  const taken = Math.min(count, all);
  return Array.from({ length: taken }, (_, i) =>
    unitAt(holdings, from + Math.floor((i * all) / taken)),
  ).filter((unit) => unit !== undefined);
}
