// Opens the ONNX Runtime devices over a bundle, on the CPU or a GPU. Knows names of tensors; no graph.
import type { Bundle } from '../../bundle/bundle.ts';
import { attention, attentionInput, attentionOutput, head } from '../../onnx/graphs.ts';
import { type OpenSessionOptions, openSession } from '../../onnx/runtime.ts';
import type { DenseDevice } from '../dense.ts';
import type { ExpertDevice, Unit } from '../expert.ts';
import { type GpuName, gpuBits, requireGpu } from '../gpu/gpu.ts';
import { createGpuExperts } from '../gpu/gpu-experts.ts';
import { gpuNumericsClass, ortNumericsClass } from '../numerics.ts';
import type { OpenDenseOptions, OpenExpertsOptions } from '../options.ts';
import { createOrtDense } from './ort-dense.ts';
import { createOrtExperts } from './ort-expert.ts';

/** Reads the dense part of the bundle, hash-checked, and readies it. */
export async function openOrtDense(
  { bundle, signal, onLoaded }: OpenDenseOptions,
  gpu?: GpuName,
): Promise<DenseDevice> {
  const { config } = bundle;
  if (config.headDim % 8 !== 0) {
    throw new Error(
      `${bundle.dir}: heads of ${config.headDim}: ONNX Runtime's attention takes multiples of 8`,
    );
  }
  const numericsClass = numericsClassOf(bundle, gpu);
  const options = sessionOptions(gpu);
  const layers = [];
  for (let layer = 0; layer < config.layers; layer++) {
    signal?.throwIfAborted();
    const name = `model.layers.${layer}`;
    const normed = config.qkNorm !== 'none';
    const input = attentionInput(config, {
      norm: await bundle.readVector(`${name}.input_layernorm.weight`),
      q: await bundle.readMatrix(`${name}.self_attn.q_proj.weight`),
      k: await bundle.readMatrix(`${name}.self_attn.k_proj.weight`),
      v: await bundle.readMatrix(`${name}.self_attn.v_proj.weight`),
      ...(normed && {
        qNorm: await bundle.readVector(`${name}.self_attn.q_norm.weight`),
        kNorm: await bundle.readVector(`${name}.self_attn.k_norm.weight`),
      }),
    });
    const output = attentionOutput(config, {
      o: await bundle.readMatrix(`${name}.self_attn.o_proj.weight`),
      norm: await bundle.readVector(`${name}.post_attention_layernorm.weight`),
      router: await bundle.readVector(`${name}.mlp.gate.weight`),
    });
    layers.push({ input: await openSession(input, options), output: await openSession(output, options) });
    onLoaded?.(layer + 1, config.layers + 1);
  }
  const embedding = await bundle.readMatrix('model.embed_tokens.weight');
  const output = config.tiedEmbeddings ? embedding : await bundle.readMatrix('lm_head.weight');
  const norm = await bundle.readVector('model.norm.weight');
  const sessions = {
    attention: await openSession(attention(config), options),
    head: await openSession(head(config, norm, output), options),
  };
  onLoaded?.(config.layers + 1, config.layers + 1);
  return createOrtDense({ config, numericsClass, embedding, layers, ...sessions });
}

export function openOrtExperts({ bundle }: OpenExpertsOptions, gpu?: GpuName): ExpertDevice {
  const source = {
    config: bundle.config,
    numericsClass: numericsClassOf(bundle, gpu),
    readExpert: (unit: Unit) => bundle.readExpert(unit),
  };
  if (gpu === 'webgpu') return createGpuExperts({ ...source, bits: gpuBits(bundle, gpu) });
  return createOrtExperts({ ...source, sessions: sessionOptions(gpu) });
}

/** Throws where the GPU is missing or does not take the bundle. */
function numericsClassOf(bundle: Bundle, gpu: GpuName | undefined): string {
  if (gpu === undefined) return ortNumericsClass(bundle);
  gpuBits(bundle, gpu);
  return gpuNumericsClass(bundle, gpu, requireGpu(gpu));
}

/** WebGPU has every node of our graphs; CUDA has no attention in float32, which is then left to the CPU. */
function sessionOptions(gpu: GpuName | undefined): OpenSessionOptions {
  return { provider: gpu ?? 'cpu', strict: gpu === 'webgpu' };
}
