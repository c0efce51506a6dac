// Reads the sizes of a bundle from its bundle.json, and computes the memory of shards and gateways from them.
import { parseHoldings } from '../../experts/holdings.ts';
import { DENSE_FILE, parseManifest } from '../../model/bundle/manifest.ts';
import { gatewayNeedsMiB, inSteps, shardNeedsMiB } from '../capacity/process-needs.ts';
import type { Cell, Group } from './cell-spec.ts';

const MIB = 2 ** 20;
/** A start is given this long at least, and the time to read the weights at `SLOWEST_SOURCE` bytes a second. */
const LEAST_START_SECONDS = 600;
const SLOWEST_SOURCE = 5 * MIB;

/** `json` is the content of `file`, the bundle.json of the bundle `name`. */
export function bundleSizes(name: string, json: unknown, file: string): Cell['bundle'] {
  const { experts, files } = parseManifest(json, file);
  return {
    name,
    layers: experts.length,
    experts: experts[0]?.length ?? 0,
    expertBytes: Math.max(...experts.flat().map(({ length }) => length)),
    denseBytes: files[DENSE_FILE]?.bytes ?? 0,
  };
}

export function groupBytes({ bundle }: Cell, { experts }: Group): number {
  return parseHoldings(experts, bundle).length * bundle.expertBytes;
}

export function shardMiB(cell: Cell, group: Group): number {
  return group.memoryMiB ?? shardNeedsMiB(groupBytes(cell, group) / MIB);
}

export function gatewayMiB({ bundle, gateways }: Cell): number {
  const { memoryMiB, kvMemoryMiB: kvMiB, answerMemoryMiB: answerMiB } = gateways;
  return memoryMiB ?? gatewayNeedsMiB({ denseMiB: bundle.denseBytes / MIB, kvMiB, answerMiB });
}

/** Room for two sets of a group's experts, because a move fetches new ones before it drops the old ones. */
export function stateMiB(cell: Cell, group: Group): number {
  return inSteps((2 * groupBytes(cell, group)) / MIB);
}

/** How long a process may take until it has loaded `bytes` of weights. */
export function startSeconds(bytes: number): number {
  return LEAST_START_SECONDS + Math.ceil(bytes / SLOWEST_SOURCE);
}
