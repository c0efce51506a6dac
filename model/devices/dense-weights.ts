// Reads the dense part of a bundle for a device. `M` is the device's own form of a matrix.
import type { Bundle } from '../bundle/bundle.ts';
import { layerNames, modelNames } from '../bundle/names.ts';

export interface LayerWeights<M> {
  /** `[hidden]` */
  inputNorm: Float32Array;
  q: M;
  k: M;
  v: M;
  /** `[headDim]` for a norm over each head, `[heads * headDim]` for one over the projection. */
  qNorm: Float32Array | undefined;
  kNorm: Float32Array | undefined;
  /** Biases of q, k and v, and of o. */
  inputBiases: { q: Float32Array; k: Float32Array; v: Float32Array } | undefined;
  outputBias: Float32Array | undefined;
  /** `[heads]` */
  sinks: Float32Array | undefined;
  o: M;
  /** `[hidden]` */
  outputNorm: Float32Array;
  /** The layer's MLP, or what comes after attention in a layer with experts. */
  mlp: DenseMlp<M> | RoutedMlp<M>;
}

export interface Mlp<M> {
  gate: M;
  up: M;
  down: M;
}

interface DenseMlp<M> {
  kind: 'dense';
  weights: Mlp<M>;
}

export interface RoutedMlp<M> {
  kind: 'routed';
  /** `[experts, hidden]`, float32 at every precision. */
  router: Float32Array;
  /** `[experts]` */
  routerBias: Float32Array | undefined;
  shared: Mlp<M> | undefined;
  /** `[hidden]`: the shared expert's output is multiplied by the sigmoid of the product with the row. */
  sharedGate: Float32Array | undefined;
}

type ReadMatrix<M> = (name: string) => Promise<M>;

export async function readLayer<M>(
  bundle: Bundle,
  layer: number,
  matrix: ReadMatrix<M>,
): Promise<LayerWeights<M>> {
  const { config, readVector } = bundle;
  const { attention = {}, denseMlp } = config;
  const names = layerNames(layer);
  const vectorIf = (has: boolean | undefined, name: string) => (has ? readVector(name) : undefined);
  const hasNorm = config.qkNorm !== 'none';
  const isDense = denseMlp?.layers.includes(layer) === true;
  return {
    inputNorm: await readVector(names.inputNorm),
    q: await matrix(names.q),
    k: await matrix(names.k),
    v: await matrix(names.v),
    inputBiases: attention.inputBias && {
      q: await readVector(names.qBias),
      k: await readVector(names.kBias),
      v: await readVector(names.vBias),
    },
    qNorm: await vectorIf(hasNorm, names.qNorm),
    kNorm: await vectorIf(hasNorm, names.kNorm),
    outputBias: await vectorIf(attention.outputBias, names.oBias),
    sinks: await vectorIf(attention.sinks, names.sinks),
    o: await matrix(names.o),
    outputNorm: await readVector(names.outputNorm),
    mlp: isDense
      ? { kind: 'dense', weights: await readMlp(names.mlp, matrix) }
      : await readRouted(bundle, names, matrix),
  };
}

async function readRouted<M>(
  { config, readVector }: Bundle,
  names: ReturnType<typeof layerNames>,
  matrix: ReadMatrix<M>,
): Promise<RoutedMlp<M>> {
  const { sharedExpert, routerBias } = config;
  return {
    kind: 'routed',
    router: await readVector(names.router),
    routerBias: routerBias && (await readVector(names.routerBias)),
    shared: sharedExpert && (await readMlp(names.sharedExpert, matrix)),
    sharedGate: sharedExpert?.gated ? await readVector(names.sharedGate) : undefined,
  };
}

async function readMlp<M>(
  names: ReturnType<typeof layerNames>['mlp'],
  matrix: ReadMatrix<M>,
): Promise<Mlp<M>> {
  return {
    gate: await matrix(names.gate),
    up: await matrix(names.up),
    down: await matrix(names.down),
  };
}

/** Reads the weights before and after the layers. */
export async function readEnds<M>(
  { config, readVector }: Bundle,
  matrix: ReadMatrix<M>,
): Promise<{ embedding: M; head: M; norm: Float32Array }> {
  const embedding = await matrix(modelNames.embedding);
  const head = config.tiedEmbeddings ? embedding : await matrix(modelNames.head);
  return { embedding, head, norm: await readVector(modelNames.norm) };
}
