// Opens the ONNX Runtime devices over a bundle, on the CPU or a GPU.
import { attention, attentionInput, attentionOutput, head } from '../../onnx/graphs.ts';
import { openSession } from '../../onnx/runtime.ts';
import type { DenseDevice } from '../dense.ts';
import { readEnds, readLayer } from '../dense-weights.ts';
import type { ExpertDevice, Unit } from '../expert.ts';
import { requireGpu, requireGpuBits } from '../gpu/gpu.ts';
import { createGpuExperts } from '../gpu/gpu-experts.ts';
import { gpuNumericsClass, ortNumericsClass } from '../numerics.ts';
import { DEFAULT_DEVICE, deviceEntry, type OpenDenseOptions, type OpenExpertsOptions } from '../options.ts';
import { createOrtDense } from './ort-dense.ts';
import { createOrtExperts } from './ort-expert.ts';
import { sessionOptions } from './session-options.ts';

/** Reads the dense part of the bundle, hash-checked, and readies it. */
export async function openOrtDense(wanted: OpenDenseOptions): Promise<DenseDevice> {
  const { bundle, device, signal, onLoaded } = wanted;
  const { config } = bundle;
  if (config.headDim % 8 !== 0) {
    throw new Error(
      `${bundle.dir}: heads of ${config.headDim}: ONNX Runtime's attention takes multiples of 8`,
    );
  }
  const numericsClass = numericsClassOf(wanted);
  const options = sessionOptions(device);
  const matrix = (name: string) => bundle.readMatrix(name);
  const layers = [];
  for (let layer = 0; layer < config.layers; layer++) {
    signal?.throwIfAborted();
    const weights = await readLayer(bundle, layer, matrix);
    const input = await openSession(attentionInput(config, weights), options);
    layers.push({ input, output: await openSession(attentionOutput(config, weights), options) });
    onLoaded?.(layer + 1, config.layers + 1);
  }
  const { embedding, head: output, norm } = await readEnds(bundle, matrix);
  const sessions = {
    attention: await openSession(attention(config), options),
    head: await openSession(head(config, norm, output), options),
  };
  onLoaded?.(config.layers + 1, config.layers + 1);
  return createOrtDense({ config, numericsClass, embedding, layers, ...sessions });
}

export function openOrtExperts(wanted: OpenExpertsOptions): ExpertDevice {
  const { bundle, device } = wanted;
  const source = {
    config: bundle.config,
    numericsClass: numericsClassOf(wanted),
    sessions: sessionOptions(device),
    readExpert: (unit: Unit) => bundle.readExpert(unit),
  };
  if (deviceEntry(device).gpu?.slots) return createGpuExperts({ ...source, bits: bundle.bits });
  return createOrtExperts(source);
}

/** Throws if the GPU is missing or does not take the bundle. */
function numericsClassOf(wanted: OpenExpertsOptions): string {
  const { bundle, device = DEFAULT_DEVICE } = wanted;
  if (deviceEntry(device).gpu === undefined) return ortNumericsClass(bundle);
  requireGpuBits(wanted);
  return gpuNumericsClass(bundle, device, requireGpu(wanted));
}
