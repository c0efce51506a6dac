// Two example cells: nano, and a model of the size of Sigma-MoE-Tiny at 4 bits.
import { join } from 'node:path';
import { packageRoot } from '../../base/package.ts';
import type { CellSpec } from './cell-spec.ts';
import { sizesIn } from './read-cell.ts';

const image = 'registry.example.com/expertgrid:0.1.0';
const security = { tls: { gatewaySecret: 'gateway-tls', shardSecret: 'shard-tls' } };
const callers = [{ namespace: 'edge', labels: { 'app.kubernetes.io/name': 'expertgrid-edge' } }];

export const nano: CellSpec = {
  name: 'nano',
  namespace: 'expertgrid',
  image,
  bundle: sizesIn(join(packageRoot, 'models', 'nano')),
  directory: { from: 'image', path: 'nano' },
  groups: fourGroups({ cpu: 0.5 }),
  gateways: { cpu: 1, kvMemoryMiB: 256 },
  spread: 'preferred',
  security: { sharedSecret: 'expert-plane' },
  access: { callers },
};

export const sigma: CellSpec = {
  name: 'sigma',
  namespace: 'expertgrid',
  image,
  // The dense part is rounded up.
  bundle: {
    name: 'sigma-moe-tiny',
    layers: 56,
    experts: 96,
    expertBytes: 1_990_656,
    denseBytes: 600_000_000,
  },
  directory: { from: 'claim', claim: 'sigma-weights' },
  experts: { from: 'https', url: 'https://models.example.com/sigma-moe-tiny/' },
  state: { in: 'claim' },
  groups: fourGroups({ cpu: 4, maxReplicas: 6 }),
  gateways: {
    replicas: 3,
    maxReplicas: 12,
    cpu: 8,
    kvMemoryMiB: 8192,
    graceSeconds: 60,
    edgeSecret: 'edge',
    edgeOnly: true,
  },
  zone: 'eu',
  security,
  access: {
    callers,
    prometheus: { namespace: 'monitoring', labels: { 'app.kubernetes.io/name': 'prometheus' } },
    keda: { namespace: 'keda', labels: { 'app.kubernetes.io/name': 'keda-operator' } },
    picker: { namespace: 'expertgrid', labels: { app: 'picker' } },
  },
  scaling: {},
  prometheusOperator: true,
  inferencePool: { pickerService: 'picker' },
};

/** Each unit of a layer of 96 experts is on two shards. */
function fourGroups(each: Pick<CellSpec['groups'][number], 'cpu' | 'maxReplicas'>): CellSpec['groups'] {
  return ['0-23', '24-47', '48-71', '72-95'].map((experts, i) => ({
    name: 'abcd'.charAt(i),
    experts,
    ...each,
  }));
}
