// The KV shape of each kind of device, known before a device is opened. Pure.
import { PAGE_POSITIONS } from '../../kernels/kernels.ts';
import type { ModelConfig } from '../config/config.ts';
import type { KvShape } from './dense.ts';
import { FIRST_POSITIONS } from './ort/kv.ts';

type Shape = Pick<ModelConfig, 'layers' | 'kvHeads' | 'headDim'>;

/** The CPU kernels keep pages of float16. */
export function cpuKvShape(shape: Shape): KvShape {
  const blockBytes = PAGE_POSITIONS * positionFloats(shape) * 2;
  return { blockSize: PAGE_POSITIONS, blockBytes, shared: true };
}

/** ONNX Runtime's devices keep buffers of float32 that grow by doubling, so up to half of a buffer is unused. */
export function ortKvShape(shape: Shape): KvShape {
  const blockBytes = 2 * FIRST_POSITIONS * positionFloats(shape) * Float32Array.BYTES_PER_ELEMENT;
  return { blockSize: FIRST_POSITIONS, blockBytes, shared: false };
}

/** Floats in the keys and values of one position, all layers together. */
function positionFloats({ layers, kvHeads, headDim }: Shape): number {
  return layers * 2 * kvHeads * headDim;
}
