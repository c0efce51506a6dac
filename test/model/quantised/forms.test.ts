// Stored tensors that contradict each other or the config: each is refused in one line that names file and tensor.
import { expect, it } from 'vitest';
import { readFields } from '../../../model/config/config-fields.ts';
import { InputError } from '../../../model/errors.ts';
import { findQuantised, isUnusedScale } from '../../../model/quantised/find-quantised.ts';
import { parseQuantisation } from '../../../model/quantised/settings/quantisation.ts';
import { tensorBytes } from '../../../model/safetensors.ts';
import { type StoredData, storedTensors } from '../../support/models/stored-tensors.ts';

type Shapes = Record<string, [dtype: string, shape: number[]] | undefined>;

const module = 'model.layers.0.mlp.experts.1.up_proj';

function find(config: object | undefined, shapes: Shapes, name = `${module}.weight`) {
  const tensors = Object.entries(shapes).flatMap(([key, spec]): [string, StoredData][] => {
    if (spec === undefined) return [];
    const [dtype, shape] = spec;
    return [[key, { dtype, shape, data: new Uint8Array(tensorBytes({ dtype, shape })) }]];
  });
  const quantisation = parseQuantisation(readFields({ quantization_config: config }, 'config.json'));
  return findQuantised(quantisation, name, storedTensors(Object.fromEntries(tensors)).find);
}

const compressed = (weights: object) => ({
  quant_method: 'compressed-tensors',
  format: 'pack-quantized',
  ignore: ['lm_head'],
  config_groups: {
    group_0: { targets: ['Linear'], weights: { num_bits: 4, strategy: 'group', group_size: 32, ...weights } },
  },
});

/** Tensors of each form that are right, with names after the module. */
const right: Record<string, { config: object; shapes: Shapes }> = {
  fp8: {
    config: { quant_method: 'fp8', weight_block_size: [16, 16], modules_to_not_convert: ['lm_head'] },
    shapes: { '.weight': ['F8_E4M3', [40, 64]], '.weight_scale_inv': ['F32', [3, 4]] },
  },
  'fp8 tensors': {
    config: { quant_method: 'fp8' },
    shapes: { '.weight': ['F8_E4M3', [40, 64]], '.weight_scale': ['F32', []] },
  },
  packed: {
    config: compressed({ symmetric: false, actorder: 'group' }),
    shapes: {
      '.weight_packed': ['I32', [24, 8]],
      '.weight_scale': ['BF16', [24, 2]],
      '.weight_shape': ['I64', [2]],
      '.weight_zero_point': ['I32', [3, 2]],
      '.weight_g_idx': ['I32', [64]],
    },
  },
  awq: {
    config: { quant_method: 'awq', bits: 4, group_size: 32 },
    shapes: { '.qweight': ['I32', [64, 3]], '.qzeros': ['I32', [2, 3]], '.scales': ['F16', [2, 24]] },
  },
  gptq: {
    config: { quant_method: 'gptq', bits: 4, group_size: 32, desc_act: true },
    shapes: {
      '.qweight': ['I32', [8, 24]],
      '.qzeros': ['I32', [2, 3]],
      '.scales': ['F16', [2, 24]],
      '.g_idx': ['I32', [64]],
    },
  },
  mxfp4: {
    config: { quant_method: 'mxfp4' },
    shapes: { '.weight_blocks': ['U8', [5, 24, 2, 16]], '.weight_scales': ['U8', [5, 24, 2]] },
  },
};

const named = (shapes: Shapes): Shapes =>
  Object.fromEntries(Object.entries(shapes).map(([suffix, spec]) => [module + suffix, spec]));

it.each(Object.entries(right))(
  '%s: right tensors are found, with their shape',
  (form, { config, shapes }) => {
    const found = find(config, named(shapes));
    const expected: Record<string, number[]> = { fp8: [40, 64], 'fp8 tensors': [40, 64], mxfp4: [5, 24, 64] };
    expect(found?.shape).toEqual(expected[form] ?? [24, 64]);
    expect(found?.stored.map(({ name }) => name).sort()).toEqual(Object.keys(named(shapes)).sort());
  },
);

it.each<[form: string, change: Shapes, tensor: string, problem: string]>([
  ['fp8', { '.weight_scale_inv': undefined }, '.weight', 'has dtype F8_E4M3, but there is neither'],
  ['fp8', { '.weight_scale_inv': ['F32', [3, 3]] }, '.weight_scale_inv', 'has shape [3,3]'],
  [
    'fp8',
    { '.weight_scale_inv': ['U8', [3, 4]] },
    '.weight_scale_inv',
    'has dtype U8; F32, F16, BF16, F8_E8M0 are read',
  ],
  ['fp8', { '.weight_scale': ['F32', [3, 4]] }, '.weight_scale', 'only one of them can be right'],
  ['fp8', { '.weight': ['F8_E5M2', [40, 64]] }, '.weight', 'has dtype F8_E5M2; F8_E4M3 is expected'],
  ['fp8', { '.weight': ['BF16', [40, 64]] }, '.weight', 'has dtype BF16; F8_E4M3 is expected'],
  ['fp8', { '.weight': ['F8_E4M3', [40]] }, '.weight', 'has shape [40]; a matrix, or a stack, is expected'],
  ['fp8', { '.weight': undefined }, '.weight', 'is missing, though there is'],
  [
    'fp8 tensors',
    { '.weight_scale': ['F32', [7]] },
    '.weight_scale',
    'one scale a row or tensor is expected',
  ],
  ['packed', { '.weight_scale': ['BF16', [24, 3]] }, '.weight_scale', 'has shape [24,3]'],
  ['packed', { '.weight_scale': undefined }, '.weight_scale', 'is missing, though there is'],
  ['packed', { '.weight_shape': undefined }, '.weight_shape', 'is missing'],
  ['packed', { '.weight_shape': ['I64', [3]] }, '.weight_shape', 'has shape [3]; a matrix needs [2]'],
  ['packed', { '.weight_zero_point': undefined }, '.weight_zero_point', 'is missing'],
  ['packed', { '.weight_zero_point': ['I32', [24, 2]] }, '.weight_zero_point', 'has shape [24,2]'],
  ['packed', { '.weight_g_idx': undefined }, '.weight_g_idx', 'is missing'],
  ['packed', { '.weight_g_idx': ['I32', [63]] }, '.weight_g_idx', 'has shape [63]'],
  ['packed', { '.weight_packed': ['I32', [24, 7]] }, '.weight_packed', 'groups of 32 do not divide'],
  ['packed', { '.weight_packed': ['U8', [24, 8]] }, '.weight_packed', 'has dtype U8; I32 is expected'],
  ['packed', { '.weight_packed': ['I32', [2, 24, 8]] }, '.weight_packed', 'a matrix is expected'],
  ['awq', { '.qzeros': ['I32', [2, 4]] }, '.qzeros', 'has shape [2,4]'],
  ['awq', { '.scales': ['F16', [3, 24]] }, '.scales', 'has shape [3,24]'],
  ['awq', { '.scales': undefined }, '.scales', 'is missing'],
  ['awq', { '.qweight': ['I32', [63, 3]] }, '.qweight', 'groups of 32 do not divide'],
  ['awq', { '.qweight': ['I32', [64]] }, '.qweight', 'which is not [inputs, outputs / 8]'],
  ['awq', { '.qweight': undefined }, '.qweight', 'is missing, though there is'],
  ['gptq', { '.qweight': ['I32', [9, 24]] }, '.qweight', 'groups of 32 do not divide'],
  ['gptq', { '.qzeros': undefined }, '.qzeros', 'is missing'],
  ['gptq', { '.qzeros': ['I32', [2, 24]] }, '.qzeros', 'has shape [2,24]'],
  ['gptq', { '.scales': ['F8_E4M3', [2, 24]] }, '.scales', 'has dtype F8_E4M3; F16, BF16, F32 are expected'],
  ['gptq', { '.g_idx': undefined }, '.g_idx', 'is missing'],
  ['gptq', { '.g_idx': ['I32', [8]] }, '.g_idx', 'has shape [8]'],
  [
    'mxfp4',
    { '.weight_blocks': ['U8', [5, 24, 2, 8]] },
    '.weight_blocks',
    'which is not [experts, outputs, inputs / 32, 16]',
  ],
  ['mxfp4', { '.weight_scales': ['U8', [5, 24, 3]] }, '.weight_scales', 'has shape [5,24,3]'],
  ['mxfp4', { '.weight_scales': undefined }, '.weight_scales', 'is missing'],
])('%s with %j is refused', (form, change, tensor, problem) => {
  const { config, shapes } = right[form]!;
  const read = () => find(config, named({ ...shapes, ...change }));
  expect(read).toThrow(InputError);
  expect(read).toThrow(`weights.safetensors: tensor ${module}${tensor}: `);
  expect(read).toThrow(problem);
});

it('symmetric packed weights must not have zero points, and asymmetric bytes must have them', () => {
  const { shapes } = right.packed!;
  expect(() => find(compressed({ symmetric: true }), named(shapes))).toThrow(
    'is there, though config.json says symmetric: true',
  );
  const bytes = {
    ...compressed({ num_bits: 8, strategy: 'channel', symmetric: false }),
    format: 'naive-quantized',
  };
  const stored: Shapes = { '.weight': ['I8', [4, 8]], '.weight_scale': ['F32', [4, 1]] };
  expect(() => find(bytes, named(stored))).toThrow('is missing, though config.json says symmetric: false');
});

it('a tensor that is quantised though the config leaves its module in floats is refused by its name', () => {
  const read = () =>
    find(
      right.fp8!.config,
      { 'lm_head.weight': ['F8_E4M3', [4, 4]], 'lm_head.weight_scale_inv': ['F32', [1, 1]] },
      'lm_head.weight',
    );
  expect(read).toThrow(
    'tensor lm_head.weight: is quantised, though quantization_config leaves the module lm_head in floats',
  );
  const packed = () =>
    find(right.packed!.config, { 'lm_head.weight_packed': ['I32', [4, 4]] }, 'lm_head.weight');
  expect(packed).toThrow('tensor lm_head.weight_packed: is quantised, though');
});

it('quantised tensors without a quantization_config are refused', () => {
  expect(() => find(undefined, named(right.gptq!.shapes))).toThrow(
    'but config.json has no quantization_config',
  );
});

it('plain and missing tensors are left to the caller', () => {
  expect(find(right.gptq!.config, { [`${module}.weight`]: ['BF16', [4, 4]] })).toBeUndefined();
  expect(find(right.gptq!.config, {})).toBeUndefined();
});

it('scales of inputs, outputs and the cache are known, and those of weights are not among them', () => {
  const names = [
    'input_scale',
    'output_scale',
    'k_scale',
    'v_scale',
    'input_zero_point',
    'weight_scale',
    'scales',
  ];
  expect(names.filter((name) => isUnusedScale(`${module}.${name}`))).toEqual(names.slice(0, 5));
});
