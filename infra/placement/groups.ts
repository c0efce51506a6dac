// Makes groups from shards: replicas that hold the same units, such as the pods of a StatefulSet of Kubernetes. Pure.
import { createHash } from 'node:crypto';
import type { Placement } from '../../experts/placing/placement-file.ts';
import type { Layout } from './layout.ts';

/** What the description of a cell says about a group (infra/deploy/cell-spec.ts). */
export interface CellGroup {
  name: string;
  /** As for `shard --experts`. */
  experts: string;
  replicas: number;
}

/** Hexadecimal digits of the hash in the name of a group. */
const NAME_DIGITS = 8;

/** Throws unless each `size` consecutive shards have equal memory, because they are replicas of one group. */
export function requireGroups(
  shards: readonly { name: string; memoryBytes: number | undefined }[],
  size: number,
): void {
  if (shards.length % size !== 0) {
    throw new RangeError(
      `${shards.length} shards do not make whole groups of ${size}: each group has as many shards as --replicas says. ` +
        `Plan for a multiple of ${size} shards`,
    );
  }
  shards.forEach(({ name, memoryBytes }, index) => {
    const first = shards[index - (index % size)];
    if (first === undefined || first.memoryBytes === memoryBytes) return;
    throw new RangeError(
      `${first.name} and ${name} are replicas of one group, but their memory differs. Name the shards of a group one after another`,
    );
  });
}

/** `[groups]` from `[shards]`, which `requireGroups` has accepted. */
export function ofGroups<T>(ofShards: readonly T[], size: number): T[] {
  return ofShards.filter((_, shard) => shard % size === 0);
}

/** From a layout that numbers groups to one that numbers shards. */
export function ungrouped(layout: Layout, size: number): Layout {
  const shardsOf = (group: number) => Array.from({ length: size }, (_, replica) => group * size + replica);
  return layout.map((holders) => holders.map((groups) => groups.flatMap(shardsOf)));
}

/**
 * The groups of a placement: the shards with equal units are the replicas of one. Shards without units are left out. The name is a
 * hash of the units, so that a group whose units change gets another name, and can run beside the group that it replaces.
 */
export function groupsOf({ shards }: Pick<Placement, 'shards'>): CellGroup[] {
  const held = Object.values(shards).filter((experts) => experts !== '');
  return [...Map.groupBy(held, (experts) => experts)].map(([experts, replicas]) => {
    const hash = createHash('sha256').update(experts).digest('hex').slice(0, NAME_DIGITS);
    return { name: `g${hash}`, experts, replicas: replicas.length };
  });
}
