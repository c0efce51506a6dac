// Cells that the tests render, and parts of their objects.
import type { IPrometheusRule } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1';
import { monitoring } from '../../../infra/deploy/alerts/monitoring.ts';
import type { CellSpec } from '../../../infra/deploy/cell-spec.ts';
import { nano, sigma } from '../../../infra/deploy/examples.ts';
import { parseCell } from '../../../infra/deploy/parse-cell.ts';

/** One group reads the volume, the others fetch from its first pod; with a GPU, API keys and both kinds of credentials. */
const seeded: CellSpec = {
  ...sigma,
  name: 'seeded',
  experts: { from: 'shard', group: 'a' },
  state: { in: 'emptyDir' },
  groups: sigma.groups.map((each) => {
    if (each.name === 'a') return { ...each, source: { from: 'directory' } };
    return { ...each, gpu: { device: 'cuda' } };
  }),
  gateways: {
    apiKeysSecret: 'api-keys',
    peers: false,
    gpu: { device: 'webgpu', resource: 'example.com/gpu' },
  },
  imagePullSecret: 'pull',
  security: { ...sigma.security, sharedSecret: 'expert-plane' },
};

/** A gateway and shards on one node, with as few features as possible. */
const single: CellSpec = {
  ...nano,
  name: 'expertgrid',
  groups: [{ name: 'all', experts: `0-1:0-95,2:0-95,3-${nano.bundle.layers - 1}:0-95`, replicas: 1 }],
  redundancy: 1,
  gateways: { replicas: 1 },
  access: {},
};

/** KEDA reads Prometheus, counts rows, and scales the cell to zero. */
const idle: CellSpec = {
  ...nano,
  name: 'idle',
  groups: nano.groups.map((each) => ({ ...each, maxReplicas: 4, rowsPerSecond: 1_500 })),
  scaling: {
    signals: { from: 'prometheus', url: 'http://prometheus.monitoring.svc:9090' },
    zero: { edge: 'https://edge.example.com', region: 'eu', adminSecret: 'edge-admin' },
  },
  prometheusOperator: true,
};

/** The alerts of a cell, as Prometheus gets them. */
export function alertsOf(cell: CellSpec): IPrometheusRule {
  const isRule = (object: { kind: string }): object is IPrometheusRule => object.kind === 'PrometheusRule';
  return monitoring(parseCell(cell)).find(isRule)!;
}

export const cells = { nano, sigma, seeded, single, idle };
