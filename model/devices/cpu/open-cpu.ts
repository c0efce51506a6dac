// Opens the devices of our own CPU kernels over a bundle of 4 or 8 bits. Knows names of tensors; computes nothing.
import { KERNELS_VERSION, type Kernels } from '../../../kernels/kernels.ts';
import type { Bundle } from '../../bundle/bundle.ts';
import type { DenseDevice } from '../dense.ts';
import type { MappedExperts } from '../expert.ts';
import type { OpenDenseOptions, OpenExpertsOptions } from '../options.ts';
import { type CpuLayer, createCpuDense } from './cpu-dense.ts';
import { createCpuExperts } from './cpu-expert.ts';
import { MappedBundle } from './mapped.ts';

/** All instruction sets give the same bits, so none is named. */
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
    if (sound === undefined) await bundle.readMatrix(name); // checks its hash, and reads it ahead
    return mapped.matrix(name);
  };
  const layers: CpuLayer[] = [];
  for (let layer = 0; layer < config.layers; layer++) {
    signal?.throwIfAborted();
    const name = `model.layers.${layer}`;
    const norm = (which: 'q' | 'k') =>
      config.qkNorm === 'none' ? undefined : bundle.readVector(`${name}.self_attn.${which}_norm.weight`);
    layers.push({
      inputNorm: await bundle.readVector(`${name}.input_layernorm.weight`),
      q: await matrix(`${name}.self_attn.q_proj.weight`),
      k: await matrix(`${name}.self_attn.k_proj.weight`),
      v: await matrix(`${name}.self_attn.v_proj.weight`),
      qNorm: await norm('q'),
      kNorm: await norm('k'),
      o: await matrix(`${name}.self_attn.o_proj.weight`),
      outputNorm: await bundle.readVector(`${name}.post_attention_layernorm.weight`),
      router: await bundle.readVector(`${name}.mlp.gate.weight`),
    });
    onLoaded?.(layer + 1, config.layers);
  }
  const embedding = await matrix('model.embed_tokens.weight');
  const head = config.tiedEmbeddings ? embedding : await matrix('lm_head.weight');
  const norm = await bundle.readVector('model.norm.weight');
  await sound;
  return createCpuDense({
    config,
    kernels,
    numericsClass: numericsClass(bundle),
    embedding,
    layers,
    norm,
    head,
  });
}

export function openCpuExperts(kernels: Kernels, { bundle, threads }: OpenExpertsOptions): MappedExperts {
  if (threads !== undefined) kernels.setThreads(threads);
  return createCpuExperts({
    config: bundle.config,
    kernels,
    numericsClass: numericsClass(bundle),
    mapped: new MappedBundle(kernels, bundle),
  });
}
