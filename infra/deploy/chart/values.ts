// The values of a cell's chart: what an operator may change without this repository.
import { z } from 'zod';
import { gatewayMiB, shardMiB } from '../bundle-sizes.ts';
import type { Cell, Group } from '../cell-spec.ts';
import { sourceOf } from '../parse-cell.ts';
import { isScaled } from '../scaling/scaled-objects.ts';

const process = z.strictObject({
  replicas: z.int().min(1),
  /** Only if KEDA sets the number of replicas. */
  maxReplicas: z.int().min(1).optional(),
  /** Cores. */
  cpu: z.number().min(0.1).max(64),
  memoryMiB: z.int().min(1),
});

export interface Values {
  image: string;
  /** Only the fields that the cell has. */
  model: {
    /** PersistentVolumeClaim with the bundle. */
    claim?: string;
    /** Address from which shards fetch their experts. */
    url?: string;
  };
  gateways: z.output<typeof process>;
  groups: Record<string, z.output<typeof process>>;
}

/** The values with which the chart gives the objects of the cell. */
export function valuesOf(cell: Cell): Values {
  const { image, directory, gateways } = cell;
  const url = urlOf(cell);
  return {
    image,
    model: {
      ...(directory.from === 'claim' && { claim: directory.claim }),
      ...(url !== undefined && { url }),
    },
    gateways: { ...replicasOf(cell, gateways), cpu: gateways.cpu, memoryMiB: gatewayMiB(cell) },
    groups: Object.fromEntries(
      cell.groups.map((group) => {
        const { name, cpu } = group;
        return [name, { ...replicasOf(cell, group), cpu, memoryMiB: shardMiB(cell, group) }];
      }),
    ),
  };
}

function replicasOf(cell: Cell, each: Pick<Group, 'replicas' | 'maxReplicas'>) {
  const { replicas, maxReplicas = replicas } = each;
  return isScaled(cell, each) ? { replicas, maxReplicas } : { replicas };
}

/** The JSON Schema with which Helm checks values. It has the fields of `values` and no others. */
export function valuesSchema({ model, gateways, groups }: Values): object {
  const shape = z.strictObject({
    image: z.string().min(1),
    model: z.strictObject({
      ...(model.claim !== undefined && { claim: z.string().min(1) }),
      ...(model.url !== undefined && { url: z.string().regex(/^https:/) }),
    }),
    gateways: shapeOf(gateways),
    groups: z.strictObject(
      Object.fromEntries(Object.entries(groups).map(([name, group]) => [name, shapeOf(group)])),
    ),
  });
  return z.toJSONSchema(shape, { target: 'draft-7' });
}

function shapeOf({ maxReplicas }: z.output<typeof process>) {
  return maxReplicas === undefined ? process.omit({ maxReplicas: true }) : process.required();
}

function urlOf(cell: Cell): string | undefined {
  const sources = cell.groups.map((group) => sourceOf(cell, group));
  const urls = [...new Set(sources.flatMap((source) => (source.from === 'https' ? source.url : [])))];
  if (urls.length > 1)
    throw new Error(`a chart has one model.url, but groups fetch from ${urls.join(' and ')}`);
  return urls[0];
}
