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
  o: M;
  /** `[hidden]` */
  outputNorm: Float32Array;
  /** `[experts, hidden]`, float32 at every precision. */
  router: Float32Array;
}

export async function readLayer<M>(
  { config, readVector }: Bundle,
  layer: number,
  matrix: (name: string) => Promise<M>,
): Promise<LayerWeights<M>> {
  const names = layerNames(layer);
  const headNorm = (name: string) => (config.qkNorm === 'none' ? undefined : readVector(name));
  return {
    inputNorm: await readVector(names.inputNorm),
    q: await matrix(names.q),
    k: await matrix(names.k),
    v: await matrix(names.v),
    qNorm: await headNorm(names.qNorm),
    kNorm: await headNorm(names.kNorm),
    o: await matrix(names.o),
    outputNorm: await readVector(names.outputNorm),
    router: await readVector(names.router),
  };
}

/** Reads the weights before and after the layers. */
export async function readEnds<M>(
  { config, readVector }: Bundle,
  matrix: (name: string) => Promise<M>,
): Promise<{ embedding: M; head: M; norm: Float32Array }> {
  const embedding = await matrix(modelNames.embedding);
  const head = config.tiedEmbeddings ? embedding : await matrix(modelNames.head);
  return { embedding, head, norm: await readVector(modelNames.norm) };
}
