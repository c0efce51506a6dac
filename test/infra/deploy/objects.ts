// Cells that the tests render, and parts of their objects.

import type { CellSpec } from '../../../infra/deploy/cell-spec.ts';
import { nano, sigma } from '../../../infra/deploy/examples.ts';

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
  groups: [{ name: 'all', experts: '0-1:0-95,2:0-95,3-5:0-95', replicas: 1 }],
  redundancy: 1,
  gateways: { replicas: 1 },
  access: {},
};

export const cells = { nano, sigma, seeded, single };
