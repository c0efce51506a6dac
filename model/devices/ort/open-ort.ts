// Opens the ONNX Runtime devices over a bundle, on the CPU or a GPU.
import { type AttentionKind, attention, attentionInput, attentionOutput, head } from '../../onnx/graphs.ts';
import { instructionSet } from '../../onnx/instructions.ts';
import { openSession, RUNTIME_VERSION, type Session } from '../../onnx/runtime.ts';
import { precisionOf, tilesAt } from '../../tiles.ts';
import type { DenseDevice } from '../dense.ts';
import { readEnds, readLayer } from '../dense-weights.ts';
import type { ExpertDevice, Unit } from '../expert.ts';
import { requireGpu, requireGpuBits } from '../gpu/gpu.ts';
import { GpuExperts } from '../gpu/gpu-experts.ts';
import { layerAttention } from '../layer-attention.ts';
import {
  DEFAULT_DEVICE,
  deviceEntry,
  type OpenDenseOptions,
  type OpenExpertsOptions,
  sessionOptions,
} from '../options.ts';
import { paddedHead } from './kv.ts';
import { isMasked, OrtDense, type OrtLayer } from './ort-dense.ts';
import { OrtExperts } from './ort-expert.ts';

export async function openOrtDense(wanted: OpenDenseOptions): Promise<DenseDevice> {
  const { bundle, device, signal, onLoaded } = wanted;
  const { config } = bundle;
  const numericsClass = numericsClassOf(wanted);
  const options = sessionOptions(device);
  const matrix = (name: string) => bundle.readMatrix(name);
  const attentions = new Map<string, Session>();
  const openAttention = async (kind: AttentionKind): Promise<Session> => {
    const key = JSON.stringify(kind);
    const opened =
      attentions.get(key) ??
      (await openSession(attention({ ...config, headDim: paddedHead(config.headDim) }, kind), options));
    attentions.set(key, opened);
    return opened;
  };
  const layers: OrtLayer[] = [];
  for (let layer = 0; layer < config.layers; layer++) {
    signal?.throwIfAborted();
    const weights = await readLayer(bundle, layer, matrix);
    const rule = layerAttention(config, layer);
    const { sinks, mlp } = weights;
    layers.push({
      input: await openSession(attentionInput(config, rule, weights), options),
      attention: await openAttention({
        ...{ scale: rule.scale, masked: isMasked(rule), sinks: sinks !== undefined },
      }),
      output: await openSession(attentionOutput(config, weights), options),
      ...{ rule, sinks, hasExperts: mlp.kind === 'routed' },
    });
    onLoaded?.(layer + 1, config.layers + 1);
  }
  const { embedding, head: output, norm } = await readEnds(bundle, matrix);
  const headSession = await openSession(head(config, norm, output), options);
  onLoaded?.(config.layers + 1, config.layers + 1);
  return new OrtDense({ config, numericsClass, embedding, layers, head: headSession });
}

export function openOrtExperts(wanted: OpenExpertsOptions): ExpertDevice {
  const { bundle, device } = wanted;
  const source = {
    config: bundle.config,
    numericsClass: numericsClassOf(wanted),
    sessions: sessionOptions(device),
    readExpert: (unit: Unit) => bundle.readExpert(unit),
  };
  if (deviceEntry(device).gpu?.slots && (bundle.config.expertBiases || bundle.config.clamp)) {
    throw new Error(
      `${bundle.dir}: experts with biases (${bundle.config.layout}) do not run on ${device}; use --device cpu`,
    );
  }
  const tiles = tilesAt(bundle.bits);
  if (deviceEntry(device).gpu?.slots && tiles !== undefined) {
    return new GpuExperts({ ...source, bits: precisionOf(tiles).blockBits });
  }
  return new OrtExperts(source);
}

/** Throws if the GPU is missing or cannot run the bundle. */
function numericsClassOf(wanted: OpenExpertsOptions): string {
  const { bundle, device = DEFAULT_DEVICE } = wanted;
  const { bits, group } = bundle;
  const runtime = `ort-${RUNTIME_VERSION}`;
  const precision = tilesAt(bits) === undefined ? `b${bits}` : `b${bits}g${group}`;
  if (deviceEntry(device).gpu === undefined) return `${runtime}/cpu/${precision}/${instructionSet()}`;
  requireGpuBits(wanted);
  return `${runtime}/${device}/${precision}/${requireGpu(wanted)}`;
}
