// A shard whose calls the addon serves: the real service over the CPU kernels, with small random experts.
import { ShardMetrics } from '../../experts/metrics.ts';
import { ShardService } from '../../experts/service.ts';
import { type ExpertMatrices, type Kernels, kernels as loaded } from '../../kernels/kernels.ts';
import { CpuExperts } from '../../model/devices/cpu/cpu-expert.ts';
import type { Unit } from '../../model/devices/expert.ts';
import { quantize } from '../../model/tiles.ts';
import { uniform } from '../support/random.ts';

if (loaded === undefined) throw new Error('these tests need the addon');
const kernels: Kernels = loaded;

export const servedModel = {
  identity: 'sha256:served',
  content: 'c',
  bits: 8,
  group: 32,
  layers: 2,
  experts: 6,
  hidden: 64,
};
const { hidden, layers, experts } = servedModel;
/** Every unit of the model. */
export const servedUnits: Unit[] = Array.from({ length: layers * experts }, (_, i) => ({
  layer: Math.floor(i / experts),
  expert: i % experts,
}));

function matrix(rows: number, cols: number, seed: number) {
  const next = uniform(seed);
  const weights = Float32Array.from({ length: rows * cols }, () => next() - 0.5);
  return kernels.matrixOf(quantize(weights, rows, cols, 'q8').data, rows, cols, 8);
}

function matricesOf({ layer, expert }: Unit): ExpertMatrices {
  const seed = 10 * (layer * experts + expert);
  const [gate, up] = [matrix(32, hidden, seed + 1), matrix(32, hidden, seed + 2)];
  return kernels.expert(gate, up, matrix(hidden, 32, seed + 3));
}

export interface ServedShard {
  service: ShardService;
  device: CpuExperts;
  metrics: ShardMetrics;
}

export async function createServedShard(units: readonly Unit[]): Promise<ServedShard> {
  const device = new CpuExperts({
    config: { hidden, experts } as ConstructorParameters<typeof CpuExperts>[0]['config'],
    kernels,
    numericsClass: 'test',
    mapped: { expert: matricesOf, mapIn() {}, isResident: () => true },
  });
  await device.load(units);
  const metrics = new ShardMetrics();
  const models = [{ device, model: servedModel, units }];
  return { service: new ShardService({ models, version: 'test', metrics }), device, metrics };
}
