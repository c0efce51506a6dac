// The dequantised weights of a bundle for the reference. They are the values with which devices compute.
import type { Bundle } from '../../model/bundle/bundle.ts';
import { layerNames } from '../../model/bundle/names.ts';
import { expertLayers } from '../../model/config/model-config.ts';
import type { ExpertWeights, Matrix } from '../../model/tensor.ts';
import { dequantize, isTiled } from '../../model/tiles.ts';
import type {
  ReferenceLayer,
  ReferenceMatrix,
  ReferenceMlp,
  ReferenceRouted,
  ReferenceWeights,
} from './weights.ts';

export async function weightsOfBundle(bundle: Bundle): Promise<ReferenceWeights> {
  const { config } = bundle;
  const layers: ReferenceLayer[] = [];
  for (let layer = 0; layer < config.layers; layer++) {
    layers.push({ ...(await attentionOf(bundle, layer)), ...(await blockOf(bundle, layer)) });
  }
  const embedding = widened(await bundle.readMatrix('model.embed_tokens.weight'));
  return {
    embedding,
    layers,
    finalNorm: await vectorOf(bundle, 'model.norm.weight'),
    head: config.tiedEmbeddings ? embedding : widened(await bundle.readMatrix('lm_head.weight')),
  };
}

async function attentionOf(bundle: Bundle, layer: number): Promise<ReferenceLayer> {
  const { attention = {}, qkNorm } = bundle.config;
  const names = layerNames(layer);
  const vector = (name: string) => vectorOf(bundle, name);
  const matrix = async (name: string) => widened(await bundle.readMatrix(name));
  return {
    inputNorm: await vector(names.inputNorm),
    q: await matrix(names.q),
    k: await matrix(names.k),
    v: await matrix(names.v),
    o: await matrix(names.o),
    ...(attention.inputBias && {
      qBias: await vector(names.qBias),
      kBias: await vector(names.kBias),
      vBias: await vector(names.vBias),
    }),
    ...(attention.outputBias && { oBias: await vector(names.oBias) }),
    ...(attention.sinks && { sinks: await vector(names.sinks) }),
    ...(qkNorm !== 'none' && { qNorm: await vector(names.qNorm), kNorm: await vector(names.kNorm) }),
    postNorm: await vector(names.outputNorm),
  };
}

/** The MLP of a layer, or its experts and what is computed beside them. */
async function blockOf(bundle: Bundle, layer: number): Promise<Pick<ReferenceLayer, 'dense' | 'routed'>> {
  const { config } = bundle;
  const names = layerNames(layer);
  const hop = expertLayers(config).indexOf(layer);
  if (hop === -1) return { dense: await mlpOf(bundle, names.mlp) };
  const experts: ReferenceMlp[] = [];
  for (let expert = 0; expert < config.experts; expert++) {
    experts.push(widenedExpert(await bundle.readExpert({ layer: hop, expert })));
  }
  const data = await vectorOf(bundle, names.router);
  const routed: ReferenceRouted = {
    router: { rows: config.experts, cols: config.hidden, data, quantised: false },
    ...(config.routerBias && { routerBias: await vectorOf(bundle, names.routerBias) }),
    ...(config.routing.selectionBias && { selectionBias: await vectorOf(bundle, names.selectionBias) }),
    experts,
    ...(config.sharedExpert && { sharedExpert: await mlpOf(bundle, names.sharedExpert) }),
    ...(config.sharedExpert?.gated && { sharedGate: await vectorOf(bundle, names.sharedGate) }),
  };
  return { routed };
}

async function mlpOf(
  bundle: Bundle,
  { gate, up, down }: { gate: string; up: string; down: string },
): Promise<ReferenceMlp> {
  const matrix = async (name: string) => widened(await bundle.readMatrix(name));
  return { gate: await matrix(gate), up: await matrix(up), down: await matrix(down) };
}

function widenedExpert({ gate, up, down, biases }: ExpertWeights): ReferenceMlp {
  return {
    ...{ gate: widened(gate), up: widened(up), down: widened(down) },
    ...(biases && {
      biases: {
        gate: Float64Array.from(biases.gate),
        up: Float64Array.from(biases.up),
        down: Float64Array.from(biases.down),
      },
    }),
  };
}

async function vectorOf(bundle: Bundle, name: string): Promise<Float64Array> {
  return Float64Array.from(await bundle.readVector(name));
}

function widened(matrix: Matrix): ReferenceMatrix {
  const { encoding, rows, cols } = matrix;
  return { rows, cols, data: Float64Array.from(dequantize(matrix)), quantised: isTiled(encoding) };
}
