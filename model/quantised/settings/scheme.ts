// How a checkpoint's config says that the weights of a module are stored.
import type { CodeBits } from '../storage.ts';

/** Weights that share a scale: blocks of `rows` outputs and `cols` inputs. `all` is the whole dimension. */
export interface BlockSize {
  rows: number | 'all';
  cols: number | 'all';
}

export type Scheme =
  /** One code a byte: `weight`, `weight_scale` or `weight_scale_inv`. Without `block`, the scale's shape tells the blocks. */
  | { form: 'bytes'; value: 'e4m3' | 'signed'; block?: BlockSize; isSymmetric: boolean }
  /** compressed-tensors: `weight_packed`, `weight_scale`, `weight_shape`. */
  | { form: 'packed'; bits: 4 | 8; block: BlockSize; isSymmetric: boolean; isOrdered: boolean }
  | { form: 'awq'; groupSize: number | 'all' }
  | { form: 'gptq'; bits: CodeBits; groupSize: number | 'all'; isOrdered: boolean; zeroAdd: 0 | 1 }
  | { form: 'mxfp4' };

/** What a `quantization_config` says. */
export interface Quantisation {
  /** `quant_method`, and the format if the method has several. */
  method: string;
  /** The scheme of a module, such as `model.layers.0.mlp.experts.3.up_proj`; undefined if its weights are floats. */
  schemeOf(module: string): Scheme | undefined;
}
