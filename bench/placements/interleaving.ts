// One interleaving on a running fleet: two operators with the drawn faults, their results, and how long the fleet took to come to rest
// afterwards.
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
  /** Shorthand of each group of experts. */
  groups: readonly string[];
  folder: string;
  /** A gateway's heat, kept. */
  heat: string;
  model: string;
  main: string;
}

export interface Interleaving {
  operators: OperatorRun[];
  /** From the end of the last operator, or of the last fault, until every shard holds what one placement wants. Infinite: not in time. */
  settledMs: number;
  /** What each shard follows where that is not so, and how many experts it holds. */
  left: string;
}

/** How long a split may outlive the last apply. Milliseconds. */
export const AT_MOST = 10_000;
const LOOK = 20;
/** An operator waits at most so long for the other one; its connections give up after 5 s. */
const GATE_PATIENCE = 2_500;

export async function runInterleaving(stage: Stage, draw: Draw, index: number): Promise<Interleaving> {
  const faults = draw.faults.map((fault) => suffer(stage.fleet, fault));
  const gate = gateFor(draw.operators.length, GATE_PATIENCE);
  const operators = await Promise.all(
    draw.operators.map((each, i) => operate(stage, each, `${index}-${i}`, gate(each.startMs))),
  );
  await Promise.all(faults);
  const endedAt = performance.now();
  const settledMs = await settled(stage, endedAt, AT_MOST);
  return { operators, settledMs, left: settledMs <= AT_MOST ? '' : pictureOf(stage) };
}

/** A placement for all, without faults and over no delays; whether the fleet comes to rest by it. */
export async function repair(stage: Stage): Promise<boolean> {
  const holders = stage.groups.map((_, group) => [group % stage.watchers.length]);
  const delaysMs = stage.watchers.map(() => 0);
  const draw: OperatorDraw = { startMs: 0, killMs: undefined, delaysMs, how: 'file', holders };
  await operate(stage, draw, 'repair', async () => {});
  return (await settled(stage, performance.now(), 2 * AT_MOST)) <= 2 * AT_MOST;
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

async function suffer(fleet: BenchFleet, { kind, atMs, shard, gateway }: Fault): Promise<void> {
  await delay(atMs);
  if (kind === 'kill shard') await fleet.killShard(shard);
  else if (kind === 'kill gateway') await fleet.killGateway(gateway);
  else fleet.disturb(kind, gateway, shard);
}

/** Milliseconds since `from`; infinite after `withinMs`. */
async function settled({ fleet, watchers }: Stage, from: number, withinMs: number): Promise<number> {
  for (;;) {
    const hashes = new Set(watchers.map(({ placement }) => idOf(placement).hash));
    const isAtRest =
      hashes.size === 1 && watchers.every(({ connected, hasArrived }) => connected && hasArrived);
    if (isAtRest && (await fleet.isReady())) return performance.now() - from;
    if (performance.now() - from > withinMs) return Number.POSITIVE_INFINITY;
    await delay(LOOK);
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
