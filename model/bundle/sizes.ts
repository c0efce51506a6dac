// Sizes of a bundle at each precision, from the model's shape. Pure.
import { type ModelConfig, unitShape } from '../config/model-config.ts';
import { tensorBytes } from '../safetensors.ts';
import { type Bits, type CanonicalTensor, denseTensors, expertTensors, storedSpec } from './tensors.ts';

export interface BundleSizes {
  /** Bytes of the weights that a gateway holds. */
  dense: number;
  /** Bytes of one expert of one layer. */
  unit: number;
  /** Number of units. */
  units: number;
}

/** `sourceDtype`: the type in which the checkpoint has its floats. It decides the size of small tensors. */
export function bundleSizes(config: ModelConfig, bits: Bits, sourceDtype: string): BundleSizes {
  const bytesOf = (tensors: Iterable<CanonicalTensor>) => {
    let bytes = 0;
    for (const tensor of tensors) bytes += tensorBytes(storedSpec(tensor, bits, sourceDtype));
    return bytes;
  };
  const { layers, experts } = unitShape(config);
  return {
    dense: bytesOf(denseTensors(config)),
    unit: bytesOf(expertTensors(config, { layer: 0, expert: 0 })),
    units: layers * experts,
  };
}
