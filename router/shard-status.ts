// The status of one shard, as the API, the console and metrics show it. Pure.
import { formatRuns, type HoldingRange } from '../experts/runs.ts';
import type { ModelShape } from '../experts/wire/model.ts';
import type { ShardState } from './shards/life.ts';
import type { Shard } from './shards/shard.ts';
import type { ShardCounters } from './shards/shard-counters.ts';
import { unitsIn } from './shards/units.ts';

export interface ShardStatus {
  address: string;
  /** True if the shard runs in the gateway's process. */
  inProcess: boolean;
  /** Where the shard runs; undefined if it names no zone. */
  zone: string | undefined;
  state: ShardState;
  /** When the shard entered this state, in milliseconds since 1970. */
  since: number;
  connected: boolean;
  /** Number of units that the shard can be called for now. */
  units: number;
  /** The units that the shard holds, or held when it was last connected, in the syntax of the flag --experts. */
  experts: string;
  numericsClass: string | undefined;
  standby: boolean;
  /** Size of the shard's weights; undefined for a shard that is away, and for a standby (it has another precision). */
  weightBytes: number | undefined;
  /** Memory of the shard's process; undefined while the shard is away, and for a shard in this process. */
  residentBytes: number | undefined;
  /** Calls in flight. */
  inFlight: number;
  /** Expected milliseconds of the next decode call. */
  expectedMs: number;
  /** Milliseconds that 99 % of the decode calls do not exceed. Undefined before enough calls. */
  p99Ms: number | undefined;
  /** Rows that the shard is sent, about the mean of the last ten seconds. */
  rowsPerSecond: number;
  counters: ShardCounters;
}

/** `unitBytes`: size of one unit's weights in the gateway's bundle. */
export function statusOf(shard: Shard, model: ModelShape, unitBytes: number | undefined): ShardStatus {
  const {
    address,
    zone,
    state,
    since,
    connected,
    numericsClass,
    standby,
    residentBytes,
    inFlight,
    lastHeld,
  } = shard;
  const isWeighed = unitBytes !== undefined && !standby && connected;
  return {
    address,
    inProcess: shard.isHere,
    zone,
    state,
    since,
    connected,
    units: unitsIn(shard.holdings),
    experts: heldText(lastHeld, model),
    numericsClass,
    standby,
    weightBytes: isWeighed ? unitBytes * unitsIn(lastHeld) : undefined,
    residentBytes,
    inFlight,
    expectedMs: shard.cost(),
    p99Ms: shard.calls.timing.p99,
    rowsPerSecond: shard.calls.rowsPerSecond,
    counters: { ...shard.counters },
  };
}

/** Distinct numerics classes of the connected shards, without standbys, sorted. */
export function numericsClassesOf(
  shards: readonly Pick<Shard, 'standby' | 'numericsClass'>[],
): readonly string[] {
  const proper = shards.filter(({ standby }) => !standby);
  return [...new Set(proper.flatMap(({ numericsClass }) => numericsClass ?? []))].sort();
}

/**
 * The experts in the syntax of the flag --experts: `0-23` if every layer has the same. Otherwise with layers: `0-3:0-11,5:7`
 * means experts 0 to 11 of layers 0 to 3, and expert 7 of layer 5. Empty if no unit is held.
 */
export function heldText(ranges: readonly HoldingRange[], { layers }: { layers: number }): string {
  const experts = Array.from({ length: layers }, (): number[] => []);
  for (const [layer, first, last] of ranges) {
    for (let expert = first; expert <= last; expert++) experts[layer]?.push(expert);
  }
  const texts = experts.map((ofLayer) => formatRuns([...new Set(ofLayer)].sort((a, b) => a - b)));
  const [first = ''] = texts;
  if (texts.every((text) => text === first)) return first;
  const items: string[] = [];
  for (let from = 0; from < layers; ) {
    const text = texts[from] ?? '';
    let to = from;
    while (texts[to + 1] === text) to++;
    const name = from === to ? `${from}` : `${from}-${to}`;
    if (text !== '') items.push(...text.split(',').map((run) => `${name}:${run}`));
    from = to + 1;
  }
  return items.join(',');
}
