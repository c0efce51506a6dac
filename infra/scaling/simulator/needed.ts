// What a trace needs, for two baselines that no autoscaler can reach: an oracle that knows the requests in advance, and a cell that always has
// the pods of its busiest minute. Pure.
import type { CellModel } from './cell-model.ts';
import type { Counts } from './simulate.ts';
import type { ArrivingRequest } from './traffic.ts';

/** Part of the capacity that the needed pods use. */
const USED = 0.8;
/** An answer that began in the minute before still runs. */
const MINUTES_BEHIND = 1;

/** The fewest replicas for the requests that arrive in each minute, within the limits of the cell. */
export function neededCounts(
  cell: CellModel,
  requests: readonly ArrivingRequest[],
  seconds: number,
): number[][] {
  const minutes = Array.from({ length: Math.ceil(seconds / 60) }, () => ({ work: 0, kv: 0, tokens: 0 }));
  const { gateway } = cell;
  const hopMs = cell.layers * Math.max(...cell.groups.map(({ callMs }) => callMs));
  for (const { at, prompt, answer } of requests) {
    const minute = minutes[Math.floor(at / 60)];
    if (minute === undefined) continue;
    const runs = (answer * (gateway.tokenMs + hopMs)) / 1000 + prompt / gateway.prefillPerSecond;
    minute.work += prompt / gateway.prefillPerSecond + answer / gateway.decodePerSecond;
    minute.kv += runs * (prompt + answer / 2);
    minute.tokens += prompt + answer;
  }
  return minutes.map(({ work, kv, tokens }, i) => {
    const heat = cell.heat(60 * i);
    const gateways = Math.max(work, kv / gateway.kvTokens) / 60;
    const groups = cell.groups.map(({ rowsPerSecond }, g) => {
      return (tokens * cell.rowsPerToken * (heat[g] ?? 0)) / 60 / rowsPerSecond;
    });
    return [gateways, ...groups].map((load, k) => {
      const { min, max } = k === 0 ? gateway : (cell.groups[k - 1] ?? gateway);
      return Math.min(max, Math.max(min, Math.ceil(load / USED)));
    });
  });
}

/** Counts of an oracle: it asks for pods as long before they are needed as they take to start. */
export function oraclePlan(
  cell: CellModel,
  requests: readonly ArrivingRequest[],
  seconds: number,
): (second: number) => Counts {
  const needed = neededCounts(cell, requests, seconds);
  const kinds = [cell.gateway, ...cell.groups];
  const ahead = kinds.map(({ startSeconds }) => Math.ceil(startSeconds / 60));
  const plan = needed.map((_, i) =>
    kinds.map((_, k) => {
      const window = needed.slice(Math.max(0, i - MINUTES_BEHIND), i + (ahead[k] ?? 0) + 1);
      return Math.max(...window.map((counts) => counts[k] ?? 0));
    }),
  );
  return (second) => plan[Math.min(plan.length - 1, Math.floor(second / 60))] ?? [];
}

/** The counts of the busiest minute of each kind of pod. */
export function peakCounts(cell: CellModel, requests: readonly ArrivingRequest[], seconds: number): number[] {
  const needed = neededCounts(cell, requests, seconds);
  return [cell.gateway, ...cell.groups].map((_, k) => Math.max(...needed.map((counts) => counts[k] ?? 0)));
}
