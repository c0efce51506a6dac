// The objects of KEDA: what they read exists, and their numbers are those of the cell and of the rules.
import type { IScaledObject } from '@kubernetes-models/keda/keda.sh/v1alpha1/ScaledObject';
import { describe, expect, it } from 'vitest';
import { scalingMetrics, scalingOf } from '../../../gateway/api/telemetry/scaling.ts';
import type { CellSpec } from '../../../infra/deploy/cell-spec.ts';
import { parseCell } from '../../../infra/deploy/parse-cell.ts';
import { cellObjects, type KubernetesObject } from '../../../infra/deploy/render.ts';
import { Demand, memoryDemand } from '../../../infra/edge/demand/demand.ts';
import { gatewayRules, groupRules } from '../../../infra/scaling/rules.ts';
import { noCounters } from '../../../router/shards/shard-counters.ts';
import { cells } from './objects.ts';

const { sigma, nano, idle } = cells;

type Scaled = KubernetesObject & IScaledObject;

function scaledIn(spec: CellSpec): Scaled[] {
  return cellObjects(parseCell(spec)).filter(({ kind }) => kind === 'ScaledObject') as Scaled[];
}

const shard = {
  ...{ inProcess: false, zone: undefined, state: 'available' as const, since: 0, connected: true, units: 96 },
  ...{ numericsClass: 'cpu-1', standby: false, weightBytes: 1, residentBytes: 1, expectedMs: 1 },
  ...{ address: 'a', inFlight: 1, p99Ms: 2, rowsPerSecond: 10, counters: noCounters() },
};
const load = { running: 1, waiting: 1, waitingSince: 1, usedBlocks: 1, blocks: 2, blockSize: 16 };

/** What a gateway of the cell shows. */
const page = scalingOf(
  [
    {
      model: sigma.bundle.name,
      load: { ...load, promptTokens: 1, cachedTokens: 0 },
      shards: sigma.groups.map(({ experts }) => ({ ...shard, experts })),
    },
  ],
  2_001,
);

/** The parts of GJSON's syntax that the cells use: a field, and the first element of a list in which a field has a value. */
function valueAt(json: unknown, path: string): unknown {
  const [, list, field = '', value, rest = path] = /^(\w+)\.#\((\w+)=="([^"]*)"\)\.(\w+)$/.exec(path) ?? [];
  type Fields = Record<string, unknown>;
  const found =
    list === undefined ? json : ((json as Fields)[list] as Fields[]).find((each) => each[field] === value);
  return (found as Fields)[rest];
}

describe('without Prometheus', () => {
  const scaled = scaledIn(sigma);

  it('every signal is a number on the page of a gateway', () => {
    expect(scaled).toHaveLength(1 + sigma.groups.length);
    for (const { spec } of scaled) {
      for (const { metadata, type, name } of spec.triggers) {
        expect(type).toBe('metrics-api');
        expect(metadata['url']).toBe('http://sigma-gateways.expertgrid.svc:9101/v1/scaling');
        expect([name, valueAt(page, metadata['valueLocation']!)]).toEqual([name, expect.any(Number)]);
      }
    }
  });

  it('each group is scaled by its own load', () => {
    const groups = scaled.slice(1).map(({ spec }) => spec.triggers[0]!.metadata['valueLocation']);
    expect(groups).toEqual(sigma.groups.map(({ experts }) => `groups.#(experts=="${experts}").hop_p99_ms`));
  });

  it('a replica of the gateways takes its share of a sum, and a level is compared with the highest value', () => {
    const [gateways, group] = scaled as [Scaled, Scaled];
    expect(
      gateways.spec.triggers.map(({ name, metricType, metadata }) => [
        name,
        metricType,
        metadata['aggregationType'],
      ]),
    ).toEqual(gatewayRules.map(({ signal }) => [signal, 'AverageValue', 'sum']));
    expect(
      group.spec.triggers.map(({ name, metricType, metadata }) => [
        name,
        metricType,
        metadata['aggregationType'],
      ]),
    ).toEqual([
      ['hop_p99_ms', 'Value', 'max'],
      ['in_flight', 'AverageValue', 'sum'],
    ]);
  });
});

describe('with Prometheus', () => {
  const text = scalingMetrics(page);
  const triggers = scaledIn({ ...idle, bundle: nano.bundle }).flatMap(({ spec }) => spec.triggers);
  const queries = triggers.flatMap(({ type, metadata }) => (type === 'prometheus' ? metadata['query']! : []));

  it('every query names a gauge of gateways, and the series of the cell', () => {
    expect(queries).toHaveLength(gatewayRules.length + idle.groups.length * groupRules(1).length);
    for (const query of queries) {
      const [, metric, labels] = /^(?:1000 \* )?(?:sum|max)\((expertgrid_\w+)\{(.*)\}\)$/.exec(query) ?? [];
      expect(text).toContain(`# TYPE ${metric} gauge\n`);
      expect(labels).toMatch(/^namespace="expertgrid",job="idle-gateways"(,experts="\d+-\d+")?$/);
    }
  });

  it('no answer of Prometheus removes no replicas', () => {
    const ignoring = triggers.filter(({ metadata }) => metadata['ignoreNullValues'] !== 'false');
    expect(ignoring.map(({ name }) => name)).toEqual(
      triggers.flatMap(({ name }) => (name === 'wanted' ? name : [])),
    );
  });
});

describe('the number of replicas', () => {
  it.each(['sigma', 'idle'] as const)('of %s is stated once, by KEDA’s object', (name) => {
    const objects = cellObjects(parseCell(cells[name]));
    for (const { spec } of scaledIn(cells[name])) {
      const { kind, name: target } = spec.scaleTargetRef;
      const [pods] = objects.filter((each) => each.kind === kind && each.metadata.name === target);
      expect(pods).not.toHaveProperty('spec.replicas');
      expect(spec.minReplicaCount).toBeGreaterThanOrEqual(1);
      expect(spec.maxReplicaCount).toBeGreaterThanOrEqual(spec.minReplicaCount!);
    }
  });

  it('never falls below the redundancy of the experts', () => {
    for (const { spec } of scaledIn(sigma).slice(1)) {
      expect(spec.minReplicaCount).toBe(2);
      expect(spec.idleReplicaCount).toBeUndefined();
      expect(spec.fallback).toMatchObject({ replicas: 2, behavior: 'currentReplicasIfHigher' });
    }
  });

  it('is fixed without scaling', () => {
    expect(scaledIn(nano)).toEqual([]);
    const sets = cellObjects(parseCell(nano)).filter(({ kind }) => kind === 'StatefulSet');
    for (const set of sets) expect(set).toHaveProperty('spec.replicas', 2);
  });
});

describe('a cell that may be scaled to zero', () => {
  const scaled = scaledIn(idle);

  it('is started and stopped by the edge alone', async () => {
    const edge = await new Demand(memoryDemand(), { regions: ['eu'], onFailure: () => {} }).report();
    for (const { spec } of scaled) {
      const [wanted, ...others] = spec.triggers.toReversed();
      expect(wanted!.metadata['url']).toBe('https://edge.example.com/v1/scaling');
      expect(valueAt(edge, wanted!.metadata['valueLocation']!)).toBe(0);
      expect(wanted!.authenticationRef).toEqual({ name: 'idle-edge' });
      for (const { metadata } of others) expect(Number(metadata['activationThreshold'])).toBeGreaterThan(1e8);
    }
  });

  it('goes to zero as a whole, although the gateways, whose signals are lost, go as well', () => {
    expect(scaled).toHaveLength(1 + idle.groups.length);
    for (const { spec } of scaled) {
      expect(spec).toMatchObject({ idleReplicaCount: 0, minReplicaCount: 2, fallback: { replicas: 0 } });
    }
  });
});

describe('a description is refused', () => {
  const [first, ...others] = sigma.groups as [CellSpec['groups'][number], ...CellSpec['groups']];
  const withFirst = (changes: object) => ({ ...sigma, groups: [{ ...first, ...changes }, ...others] });
  const { scaling: _, ...fixed } = sigma;
  it.each<[string, CellSpec, string]>([
    [
      'if the most replicas are fewer than the least',
      withFirst({ maxReplicas: 1 }),
      'groups[0].maxReplicas: is less than replicas (2)',
    ],
    ['if nothing scales', fixed, 'gateways.maxReplicas: needs scaling'],
    [
      'if rows are to be counted of a fixed number of shards',
      withFirst({ maxReplicas: undefined, rowsPerSecond: 9 }),
      'groups[0].rowsPerSecond: needs maxReplicas',
    ],
    [
      'if two groups cannot be told apart',
      { ...sigma, groups: [...sigma.groups, { ...first, name: 'twin' }] },
      'groups[0].maxReplicas: the group twin has the same experts',
    ],
    [
      'if KEDA may not read the gateways',
      { ...sigma, access: { ...sigma.access, keda: undefined } },
      'access.keda: is missing',
    ],
    [
      'if the edge has a path',
      { ...sigma, scaling: { zero: { edge: 'https://edge/x', region: 'eu' } } },
      'scaling.zero.edge: must be an origin',
    ],
  ])('%s', (_name, spec, message) => {
    expect(() => parseCell(spec)).toThrow(message);
  });
});
