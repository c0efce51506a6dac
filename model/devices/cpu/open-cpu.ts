// Opens the devices of our own CPU kernels over a tiled bundle.
import { KERNELS_VERSION, type Kernels, type QuantisedMatrix } from '../../../kernels/kernels.ts';
import type { Bundle } from '../../bundle/bundle.ts';
import type { DenseDevice } from '../dense.ts';
import { type LayerWeights, readEnds, readLayer } from '../dense-weights.ts';
import type { MappedExperts } from '../expert.ts';
import type { OpenDenseOptions, OpenExpertsOptions } from '../options.ts';
import { CpuDense } from './cpu-dense.ts';
import { CpuExperts } from './cpu-expert.ts';
import { MappedBundle } from './mapped.ts';

/** The class names no instruction set, because all instruction sets give the same bits. */
function numericsClass({ bits, group }: Bundle): string {
  return `kernels-${KERNELS_VERSION}/b${bits}g${group}`;
}

export async function openCpuDense(
  kernels: Kernels,
  { bundle, threads, signal, onLoaded, sound }: OpenDenseOptions,
): Promise<DenseDevice> {
  const { config } = bundle;
  if (threads !== undefined) kernels.setThreads(threads);
  const mapped = new MappedBundle(kernels, bundle);
  const matrix = async (name: string) => {
    if (sound === undefined) await bundle.readMatrix(name); // checks the hash, and brings the file into the page cache
    return mapped.matrix(name);
  };
  const layers: LayerWeights<QuantisedMatrix>[] = [];
  for (let layer = 0; layer < config.layers; layer++) {
    signal?.throwIfAborted();
    layers.push(await readLayer(bundle, layer, matrix));
    onLoaded?.(layer + 1, config.layers);
  }
  const ends = await readEnds(bundle, matrix);
  await sound;
  return new CpuDense({ config, kernels, numericsClass: numericsClass(bundle), layers, ...ends });
}

export function openCpuExperts(
  kernels: Kernels,
  { bundle, threads, spin }: OpenExpertsOptions,
): MappedExperts {
  if (threads !== undefined) kernels.setThreads(threads, spin);
  return new CpuExperts({
    config: bundle.config,
    kernels,
    numericsClass: numericsClass(bundle),
    mapped: new MappedBundle(kernels, bundle),
  });
}
