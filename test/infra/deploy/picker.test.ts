// Reads the settings of the endpoint picker as the picker of the Gateway API Inference Extension does, and looks for what they name.
import type { IDeployment, IStatefulSet } from 'kubernetes-models/apps/v1';
import type { INetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1';
import type { IConfigMap } from 'kubernetes-models/v1';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { sigma } from '../../../infra/deploy/examples.ts';
import { parseCell } from '../../../infra/deploy/parse-cell.ts';
import { cellObjects } from '../../../infra/deploy/render.ts';
import { openRoom } from '../../gateway/api/harness.ts';

interface Settings {
  kind: string;
  plugins: { type: string; name?: string; parameters?: Record<string, unknown> }[];
  schedulingProfiles: { plugins: { pluginRef: string; weight: number }[] }[];
}

interface Pool {
  spec: { selector: { matchLabels: Labels }; targetPorts: { number: number }[] };
}

type Labels = Record<string, string>;

const objects = cellObjects(parseCell(sigma));
const named = <T>(kind: string, name: string) =>
  objects.find((each) => each.kind === kind && each.metadata.name === name) as T;

const settings = parse(
  named<IConfigMap>('ConfigMap', 'sigma-gateway-picker').data!['picker.yaml']!,
) as Settings;
const pool = named<Pool>('InferencePool', 'sigma-gateway').spec;
const gateways = named<IDeployment>('Deployment', 'sigma-gateway').spec!.template!;
const parametersOf = (type: string) => settings.plugins.find((each) => each.type === type)?.parameters ?? {};
const { engineLabelKey, defaultEngine, engineConfigs } = parametersOf('core-metrics-extractor') as {
  engineLabelKey: string;
  defaultEngine: string;
  engineConfigs: Labels[];
};

/** A specification is the name of a metric, with labels in braces that its samples must have. */
function samplesOf(page: string, specification: string): string[] {
  const [, name, selector] = /^([\w:]+)(?:\{(.*)\})?$/.exec(specification) ?? [];
  const labels = selector?.split(',') ?? [];
  return page.split('\n').filter((line) => {
    return line.startsWith(`${name}{`) && labels.every((label) => line.includes(label));
  });
}

describe('the settings of the endpoint picker', () => {
  it('name metrics that the page of a gateway has, for its model', async () => {
    const { url } = await openRoom({ load: { running: 3, waiting: 2, usedBlocks: 5, blocks: 20 } });
    const { path } = parametersOf('metrics-data-source');
    const page = await (await fetch(`${url}${path}`)).text();
    const [{ name, ...specifications } = {}] = engineConfigs;
    const values = Object.entries(specifications).map(([field, specification]) => {
      const [sample, ...others] = samplesOf(page, specification);
      expect(others).toEqual([]);
      return [field, sample?.replace(/.* /, '')];
    });
    expect(name).toBe('expertgrid');
    expect(Object.fromEntries(values)).toEqual({
      queuedRequestsSpec: '2',
      runningRequestsSpec: '3',
      kvUsageSpec: '0.25',
      cacheInfoSpec: '1',
    });
    expect(samplesOf(page, 'vllm:cache_config_info')[0]).toMatch(/block_size="\d+",num_gpu_blocks="20"/);
  });

  it('choose the metrics by a label that the pods of gateways have', () => {
    expect(gateways.metadata!.labels![engineLabelKey]).toBe(defaultEngine);
    expect(engineConfigs.map(({ name }) => name)).toContain(defaultEngine);
  });

  it('compare gateways by plugins that they have, because gateways are otherwise chosen at random', () => {
    const types = settings.plugins.map(({ type, name = type }) => name);
    const [profile] = settings.schedulingProfiles;
    expect(profile!.plugins.map(({ pluginRef }) => pluginRef)).toEqual(
      types.filter((type) => type.endsWith('-scorer')),
    );
    for (const { weight } of profile!.plugins) expect(weight).toBeGreaterThan(0);
  });
});

describe('the InferencePool', () => {
  const selects = (labels: Labels) =>
    Object.entries(pool.selector.matchLabels).every(([key, value]) => labels[key] === value);

  it('has the pods of gateways and no shards', () => {
    expect(selects(gateways.metadata!.labels!)).toBe(true);
    const sets = objects.filter(({ kind }) => kind === 'StatefulSet') as IStatefulSet[];
    expect(sets.length).toBeGreaterThan(0);
    expect(sets.filter(({ spec }) => selects(spec!.template!.metadata!.labels!))).toEqual([]);
  });

  it('names the port at which gateways listen, and lets the picker read their metrics', () => {
    const { args, ports } = gateways.spec!.containers[0]!;
    const [{ number } = { number: 0 }] = pool.targetPorts;
    expect(args!.slice(args!.indexOf('--port')).slice(0, 2)).toEqual(['--port', `${number}`]);
    expect(ports!.find(({ name }) => name === 'http')?.containerPort).toBe(number);
    const metrics = Number(args![args!.indexOf('--metrics-port') + 1]);
    const policy = named<INetworkPolicy>('NetworkPolicy', 'sigma-gateway').spec!;
    const toPicker = policy.ingress!.filter(({ from }) =>
      from!.some((peer) => peer.podSelector?.matchLabels?.['app'] === 'picker'),
    );
    expect(toPicker.flatMap((rule) => rule.ports!.map(({ port }) => port))).toEqual([number, metrics]);
  });
});
