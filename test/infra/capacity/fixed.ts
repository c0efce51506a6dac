// Costs of round numbers and a model of the kind of nano for the tests of the capacity model, so that neither a new calibration nor
// another embedded model changes a test.
import type { Calibration } from '../../../infra/capacity/calibration.ts';
import type { ModelShape } from '../../../infra/capacity/shape.ts';
import { capacityDefaults, type Settings, type Workload } from '../../../infra/capacity/workload.ts';

export const nano: ModelShape = {
  name: 'nano',
  layers: 6,
  hidden: 192,
  heads: 6,
  kvHeads: 2,
  headDim: 32,
  experts: 96,
  expertsPerToken: [1, 1, 1, 1, 1, 1],
  inner: 32,
  vocab: 4096,
  context: 2048,
  denseBytes: 1_695_104,
  unitBytes: 19_584,
  positionBytes: 1536,
};

export const fixed: Calibration = {
  machine: 'a machine of round numbers',
  date: '2026-12-01',
  commit: '0000000',
  model: nano,
  engine: { stepUs: 600, rowUs: 100, promptRowUs: 50, frameUs: 20, positionUs: 0.05 },
  api: { requestUs: 1500, promptTokenUs: 5, stepUs: 200, tokenUs: 50 },
  shard: { frameUs: 30, rowUs: 1, expertUs: 4 },
  client: { stepUs: 50, tokenUs: 25 },
  hopUs: 50,
  kernels: { multiplyAddsPerUs: 60_000, bytesPerUs: 10_000 },
  memory: { gatewayMiB: 250, shardMiB: 90 },
  points: [{ shards: 1, streams: 1 }],
};

export const workload: Workload = { rps: 50, prompt: 500, answer: 200, regions: 2, hitRate: 0 };

export const settings: Settings = {
  ...capacityDefaults,
  cellGateways: 128,
  groups: undefined,
  maxSequences: 64,
  prefillRows: 256,
  survivesRegion: false,
};
