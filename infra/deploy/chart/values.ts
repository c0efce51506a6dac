// The values of a cell's chart: what an operator may change without this repository.
import { z } from 'zod';
import { gatewayMiB, shardMiB } from '../bundle-sizes.ts';
import type { Cell } from '../cell-spec.ts';
import { sourceOf } from '../parse-cell.ts';

const process = z.strictObject({
  replicas: z.int().min(1),
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
    gateways: { replicas: gateways.replicas, cpu: gateways.cpu, memoryMiB: gatewayMiB(cell) },
    groups: Object.fromEntries(
      cell.groups.map((group) => {
        const { name, replicas, cpu } = group;
        return [name, { replicas, cpu, memoryMiB: shardMiB(cell, group) }];
      }),
    ),
  };
}

/** The JSON Schema with which Helm checks values. It has the fields of `values` and no others. */
export function valuesSchema({ model, groups }: Values): object {
  const shape = z.strictObject({
    image: z.string().min(1),
    model: z.strictObject({
      ...(model.claim !== undefined && { claim: z.string().min(1) }),
      ...(model.url !== undefined && { url: z.string().regex(/^https:/) }),
    }),
    gateways: process,
    groups: z.strictObject(Object.fromEntries(Object.keys(groups).map((name) => [name, process]))),
  });
  return z.toJSONSchema(shape, { target: 'draft-7' });
}

function urlOf(cell: Cell): string | undefined {
  const sources = cell.groups.map((group) => sourceOf(cell, group));
  const urls = [...new Set(sources.flatMap((source) => (source.from === 'https' ? source.url : [])))];
  if (urls.length > 1)
    throw new Error(`a chart has one model.url, but groups fetch from ${urls.join(' and ')}`);
  return urls[0];
}
