// Runs one interleaving on a running fleet: two operators and the drawn faults. Then measures how long the fleet takes to
// come to rest.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { idOf } from '../../experts/placing/placement-id.ts';
import type { ModelShape } from '../../experts/wire/model.ts';
import type { Draw, Fault, OperatorDraw } from './draw.ts';
import type { BenchFleet } from './fleet.ts';
import { gateFor, type OperatorRun, runOperator } from './operator.ts';
import type { Watcher } from './watcher.ts';

export interface Stage {
  fleet: BenchFleet;
  watchers: readonly Watcher[];
  shape: ModelShape;
  /** Experts of each group, such as 0-5. */
  groups: readonly string[];
  /** Folder for placement files. */
  folder: string;
  /** File with the heat of a gateway. */
  heat: string;
  model: string;
  /** The cli/main.ts to run. */
  main: string;
}

export interface Interleaving {
  operators: OperatorRun[];
  /**
   * From the end of the last operator or the last fault, whichever is later, until all shards follow one placement and hold its
   * units. Infinity if that takes longer than `SPLIT_LIMIT_MS`.
   */
  settledMs: number;
  /** If the fleet is not at rest in time: the placement of each shard and the number of its units. Otherwise empty. */
  left: string;
}

/** How long shards may follow different placements after the last operator and the last fault. */
export const SPLIT_LIMIT_MS = 10_000;
const POLL_MS = 20;
/** Longest time that an operator waits for the other. Its connections to shards time out after 5 s. */
const GATE_PATIENCE_MS = 2_500;

export async function runInterleaving(stage: Stage, draw: Draw, index: number): Promise<Interleaving> {
  const faults = draw.faults.map((fault) => suffer(stage.fleet, fault));
  const gate = gateFor(draw.operators.length, GATE_PATIENCE_MS);
  const operators = await Promise.all(
    draw.operators.map((each, i) => operate(stage, each, `${index}-${i}`, gate(each.startMs))),
  );
  await Promise.all(faults);
  const endedAt = performance.now();
  const settledMs = await settled(stage, endedAt, SPLIT_LIMIT_MS);
  return { operators, settledMs, left: settledMs <= SPLIT_LIMIT_MS ? '' : pictureOf(stage) };
}

/** Applies a placement without faults and delays. Resolves to whether the fleet came to rest within twice `SPLIT_LIMIT_MS`. */
export async function repair(stage: Stage): Promise<boolean> {
  const holders = stage.groups.map((_, group) => [group % stage.watchers.length]);
  const delaysMs = stage.watchers.map(() => 0);
  const draw: OperatorDraw = { startMs: 0, killMs: undefined, delaysMs, how: 'file', holders };
  await operate(stage, draw, 'repair', async () => {});
  return (await settled(stage, performance.now(), 2 * SPLIT_LIMIT_MS)) <= 2 * SPLIT_LIMIT_MS;
}

async function operate(
  stage: Stage,
  draw: OperatorDraw,
  name: string,
  gate: () => Promise<void>,
): Promise<OperatorRun> {
  const { fleet, folder, heat, model, main } = stage;
  const { killMs, delaysMs, how } = draw;
  let args = ['--heat', heat, '--model', model];
  if (how === 'file') {
    const file = join(folder, `placement-${name}.json`);
    writeFileSync(file, JSON.stringify(placementOf(stage, draw)));
    args = ['--placement', file];
  }
  return await runOperator({ main, addresses: fleet.addresses, delaysMs, args, killMs, gate });
}

function placementOf({ watchers, shape, groups }: Stage, { holders }: OperatorDraw): object {
  const shards = watchers.map(({ name }, shard): [string, string] => {
    const held = groups.filter((_, group) => holders[group]?.includes(shard));
    return [name, held.join(',')];
  });
  return { version: 1, model: shape.identity, epoch: 1, shards: Object.fromEntries(shards) };
}

/** Performs a fault at its time. */
async function suffer(fleet: BenchFleet, { kind, atMs, shard, gateway }: Fault): Promise<void> {
  await delay(atMs);
  if (kind === 'kill shard') await fleet.killShard(shard);
  else if (kind === 'kill gateway') await fleet.killGateway(gateway);
  else fleet.disturb(kind, gateway, shard);
}

/** Resolves when the fleet is at rest, to the milliseconds since `from`, or to Infinity after `withinMs`. */
async function settled({ fleet, watchers }: Stage, from: number, withinMs: number): Promise<number> {
  for (;;) {
    const hashes = new Set(watchers.map(({ placement }) => idOf(placement).hash));
    const isAtRest =
      hashes.size === 1 && watchers.every(({ connected, hasArrived }) => connected && hasArrived);
    if (isAtRest && (await fleet.isReady())) return performance.now() - from;
    if (performance.now() - from > withinMs) return Number.POSITIVE_INFINITY;
    await delay(POLL_MS);
  }
}

function pictureOf({ watchers }: Stage): string {
  return watchers
    .map(({ name, placement, held, connected }) => {
      const { epoch, hash } = idOf(placement);
      const units = held.reduce((sum, is) => sum + is, 0);
      return `${name}: ${connected ? '' : 'away, '}${epoch} ${hash.slice(7, 13)}, ${units} units`;
    })
    .join('; ');
}
