// Random quantised matrices in published forms, by the `quantization_config` that describes them.
import { uniform } from '../random.ts';
import { toBfloat16, toFloat16 } from './safetensors-writer.ts';
import type { StoredData } from './stored-tensors.ts';

/** Stored tensors by the ends of their names after the module's. */
export type Parts = Record<string, StoredData>;

interface Form {
  config: Record<string, unknown>;
  parts(rows: number, cols: number, seed: number): Parts;
}

const GROUP = 16;

function draws(seed: number) {
  const next = uniform(seed);
  const bytes = (count: number) => Uint8Array.from({ length: count }, () => Math.floor(next() * 256));
  const halves = (count: number, toHalf: (value: number) => number): Uint8Array =>
    new Uint8Array(Uint16Array.from({ length: count }, () => toHalf(0.002 + 0.01 * next())).buffer);
  const floats = (count: number) =>
    new Uint8Array(Float32Array.from({ length: count }, () => 0.002 + 0.01 * next()).buffer);
  return { next, bytes, halves, floats };
}

function ints(values: readonly number[]): Uint8Array {
  return new Uint8Array(Int32Array.from(values).buffer);
}

/** Each group has as many columns, in a random order. */
function order(cols: number, next: () => number): Uint8Array {
  const drawn = Array.from({ length: cols }, (_, col) => ({ group: Math.floor(col / GROUP), key: next() }));
  return ints(drawn.sort((a, b) => a.key - b.key).map(({ group }) => group));
}

function columns(
  rows: number,
  cols: number,
  seed: number,
  qweight: [number, number],
  ordered: boolean,
): Parts {
  const { next, bytes, halves } = draws(seed);
  const groups = cols / GROUP;
  return {
    '.qweight': { dtype: 'I32', shape: qweight, data: bytes((rows * cols) / 2) },
    '.qzeros': { dtype: 'I32', shape: [groups, rows / 8], data: bytes((groups * rows) / 2) },
    '.scales': { dtype: 'F16', shape: [groups, rows], data: halves(groups * rows, toFloat16) },
    ...(ordered && { '.g_idx': { dtype: 'I32', shape: [cols], data: order(cols, next) } }),
  };
}

const ignored = ['lm_head', 'model.embed_tokens'];
const weights = {
  num_bits: 4,
  type: 'int',
  symmetric: false,
  strategy: 'group',
  group_size: GROUP,
  actorder: 'group',
};

export const quantisedForms = {
  fp8: {
    config: { quant_method: 'fp8', weight_block_size: [24, 48], modules_to_not_convert: ignored },
    parts(rows, cols, seed) {
      const { bytes, floats } = draws(seed);
      const grid = [Math.ceil(rows / 24), Math.ceil(cols / 48)];
      return {
        // 127 and 255 are NaN.
        '.weight': {
          dtype: 'F8_E4M3',
          shape: [rows, cols],
          data: bytes(rows * cols).map((byte) => byte & 0xbf),
        },
        '.weight_scale_inv': { dtype: 'F32', shape: grid, data: floats(grid[0]! * grid[1]!) },
        '.input_scale': { dtype: 'F32', shape: [], data: floats(1) },
      };
    },
  },
  int4: {
    config: {
      quant_method: 'compressed-tensors',
      format: 'pack-quantized',
      ignore: ['lm_head', 're:.*mlp\\.gate$'],
      config_groups: { group_0: { targets: ['Linear'], weights } },
    },
    parts(rows, cols, seed) {
      const { next, bytes, halves } = draws(seed);
      const groups = cols / GROUP;
      const shape = new Uint8Array(BigInt64Array.of(BigInt(rows), BigInt(cols)).buffer);
      return {
        '.weight_packed': { dtype: 'I32', shape: [rows, cols / 8], data: bytes((rows * cols) / 2) },
        '.weight_scale': { dtype: 'BF16', shape: [rows, groups], data: halves(rows * groups, toBfloat16) },
        '.weight_zero_point': { dtype: 'I32', shape: [rows / 8, groups], data: bytes((rows / 2) * groups) },
        '.weight_g_idx': { dtype: 'I32', shape: [cols], data: order(cols, next) },
        '.weight_shape': { dtype: 'I64', shape: [2], data: shape },
      };
    },
  },
  awq: {
    config: {
      quant_method: 'awq',
      bits: 4,
      group_size: GROUP,
      version: 'gemm',
      modules_to_not_convert: ignored,
    },
    parts: (rows, cols, seed) => columns(rows, cols, seed, [cols, rows / 8], false),
  },
  gptq: {
    config: { quant_method: 'gptq', bits: 4, group_size: GROUP, desc_act: true, sym: false },
    parts: (rows, cols, seed) => ({
      ...columns(rows, cols, seed, [cols / 8, rows], true),
      '.bias': { dtype: 'F16', shape: [rows], data: new Uint8Array(rows * 2) },
    }),
  },
} as const satisfies Record<string, Form>;
