// What each `quantization_config` says of modules, and which configs are refused.
import { expect, it } from 'vitest';
import { readFields } from '../../../model/config/config-fields.ts';
import { parseQuantisation } from '../../../model/quantised/settings/quantisation.ts';

function parse(config: object) {
  return parseQuantisation(readFields({ quantization_config: config }, 'config.json'));
}

const expert = 'model.layers.3.mlp.experts.7.gate_proj';
const router = 'model.layers.3.mlp.gate';

it('a config without the field describes floats', () => {
  expect(parseQuantisation(readFields({ quantization_config: null }, 'config.json'))).toBeUndefined();
});

it('fp8: blocks, and modules that stay floats by either name of the list', () => {
  for (const list of ['modules_to_not_convert', 'ignored_layers']) {
    const fp8 = parse({
      quant_method: 'fp8',
      fmt: 'e4m3',
      weight_block_size: [128, 64],
      [list]: [router, 'lm_head'],
    });
    expect(fp8?.schemeOf(expert)).toEqual({
      form: 'bytes',
      value: 'e4m3',
      isSymmetric: true,
      block: { rows: 128, cols: 64 },
    });
    expect(fp8?.schemeOf(router)).toBeUndefined();
    expect(fp8?.schemeOf('model.lm_head')).toBeUndefined();
  }
  expect(parse({ quant_method: 'fp8' })?.schemeOf(expert)).not.toHaveProperty('block');
});

it('names to leave in floats are expressions that end where a part of the name ends', () => {
  const mxfp4 = parse({
    quant_method: 'mxfp4',
    modules_to_not_convert: ['model.layers.*.self_attn', 'model.layers.1'],
  });
  expect(mxfp4?.schemeOf('model.layers.12.self_attn.q_proj')).toBeUndefined();
  expect(mxfp4?.schemeOf('model.layers.1.mlp.experts')).toBeUndefined();
  expect(mxfp4?.schemeOf('model.layers.11.mlp.experts')).toEqual({ form: 'mxfp4' });
  expect(mxfp4?.schemeOf('model.layers.2.self_attn_norm')).toEqual({ form: 'mxfp4' });
});

it('awq: both spellings of its fields, and a list in which "gate" is not "gate_proj"', () => {
  const scheme = { form: 'awq', groupSize: 128 };
  const awq = parse({
    quant_method: 'awq',
    bits: 4,
    group_size: 128,
    version: 'GEMM',
    modules_to_not_convert: ['gate'],
  });
  expect(awq?.schemeOf(expert)).toEqual(scheme);
  expect(awq?.schemeOf(router)).toBeUndefined();
  expect(parse({ quant_method: 'awq', w_bit: 4, q_group_size: 128 })?.schemeOf(expert)).toEqual(scheme);
});

it('gptq: both formats, the whole row as a group, and settings of single modules', () => {
  const base = { quant_method: 'gptq', bits: 4, group_size: -1 };
  const scheme = { form: 'gptq', bits: 4, groupSize: 'all', isOrdered: false, zeroAdd: 1 };
  expect(parse(base)?.schemeOf(expert)).toEqual(scheme);
  expect(parse({ ...base, checkpoint_format: 'gptq_v2', desc_act: true })?.schemeOf(expert)).toEqual({
    ...scheme,
    isOrdered: true,
    zeroAdd: 0,
  });
  const dynamic = {
    '-:.*\\.shared_expert': {},
    '+:.*\\.down_proj': { bits: 8, group_size: 32 },
    '.*\\.layers\\.0\\.': { bits: 2 },
  };
  const ruled = parse({ ...base, dynamic });
  expect(ruled?.schemeOf('model.layers.0.mlp.shared_expert.down_proj')).toBeUndefined();
  expect(ruled?.schemeOf('model.layers.0.mlp.down_proj')).toEqual({ ...scheme, bits: 8, groupSize: 32 });
  expect(ruled?.schemeOf('model.layers.0.mlp.up_proj')).toEqual({ ...scheme, bits: 2 });
  expect(ruled?.schemeOf('model.layers.1.mlp.up_proj')).toEqual(scheme);
});

const int4 = { num_bits: 4, type: 'int', symmetric: true, strategy: 'group', group_size: 32 };
const packed = (weights: object, more: object = {}) => ({
  quant_method: 'compressed-tensors',
  format: 'pack-quantized',
  config_groups: { group_0: { targets: ['Linear'], weights } },
  ...more,
});

it('compressed-tensors: targets by class, name and expression, and groups with formats of their own', () => {
  const mixed = parse({
    quant_method: 'compressed-tensors',
    format: 'mixed-precision',
    ignore: ['lm_head', 're:.*mlp\\.gate$'],
    config_groups: {
      inputs: { targets: ['model.layers.9.mlp.up_proj'], weights: null },
      experts: {
        targets: ['re:.*experts'],
        format: 'pack-quantized',
        weights: { ...int4, actorder: 'group' },
      },
      rest: {
        targets: ['Linear'],
        format: 'float-quantized',
        weights: { num_bits: 8, type: 'float', strategy: 'channel' },
      },
    },
  });
  expect(mixed?.schemeOf(expert)).toEqual({
    form: 'packed',
    bits: 4,
    block: { rows: 1, cols: 32 },
    isSymmetric: true,
    isOrdered: true,
  });
  expect(mixed?.schemeOf('model.layers.3.self_attn.q_proj')).toEqual({
    form: 'bytes',
    value: 'e4m3',
    block: { rows: 1, cols: 'all' },
    isSymmetric: true,
  });
  for (const name of [router, 'lm_head', 'model.embed_tokens', 'model.layers.9.mlp.up_proj']) {
    expect(mixed?.schemeOf(name), name).toBeUndefined();
  }
});

it('compressed-tensors: `compression_config` is an older name, and group_size tells the strategy if there is none', () => {
  const { quant_method: _, ...config } = packed({
    num_bits: 8,
    type: 'int',
    symmetric: false,
    group_size: -1,
  });
  const parsed = parseQuantisation(readFields({ compression_config: config }, 'config.json'));
  expect(parsed?.schemeOf(expert)).toEqual({
    form: 'packed',
    bits: 8,
    block: { rows: 1, cols: 'all' },
    isSymmetric: false,
    isOrdered: false,
  });
});

it.each<[object, string]>([
  [{}, 'quant_method: is missing'],
  [
    { quant_method: 'bitsandbytes' },
    'quant_method: "bitsandbytes" is not supported (fp8, mxfp4, compressed-tensors, awq, gptq are)',
  ],
  [{ quant_method: 'toString' }, 'quant_method: "toString" is not supported'],
  [{ quant_method: 'fp8', fmt: 'e5m2' }, 'fmt: "e5m2" is not supported'],
  [{ quant_method: 'fp8', expert_dtype: 'fp4' }, 'expert_dtype: "fp4" is not supported'],
  [
    { quant_method: 'fp8', weight_block_size: [128] },
    'weight_block_size: is [128], not the two sizes of a block',
  ],
  [{ quant_method: 'fp8', weight_block_size: [128, 0] }, 'weight_block_size: is [128,0]'],
  [
    { quant_method: 'fp8', modules_to_not_convert: 'lm_head' },
    'modules_to_not_convert: is "lm_head", not a list of names',
  ],
  [{ quant_method: 'mxfp4', modules_to_not_convert: ['(?P<a>b)'] }, 'is not an expression that can be read'],
  [{ quant_method: 'mxfp4', modules_to_not_convert: ['a'.repeat(600)] }, 'more than 512 characters'],
  [
    { quant_method: 'awq', bits: 4, group_size: 128, version: 'gemv' },
    'version: "gemv" is not supported ("gemm" is)',
  ],
  [{ quant_method: 'awq', bits: 8, group_size: 128 }, 'bits: is 8; AWQ weights of 4 bits are read'],
  [{ quant_method: 'awq', bits: 4 }, 'group_size: is missing'],
  [
    { quant_method: 'gptq', bits: 5, group_size: 128 },
    'bits: is 5; GPTQ weights of 2, 3, 4, 8 bits are read',
  ],
  [{ quant_method: 'gptq', bits: 4, group_size: 0 }, 'group_size: is 0'],
  [
    { quant_method: 'gptq', bits: 4, group_size: 32, checkpoint_format: 'marlin' },
    'checkpoint_format: "marlin" is not supported (gptq, gptq_v2 are)',
  ],
  [
    { quant_method: 'gptq', bits: 4, group_size: 32, is_marlin_format: true },
    'is_marlin_format: true is not supported',
  ],
  [
    { quant_method: 'gptq', bits: 4, group_size: 32, dynamic: { '+:(': {} } },
    'dynamic: "(" is not an expression',
  ],
  [packed(int4, { format: 'nvfp4-pack-quantized' }), 'format: "nvfp4-pack-quantized" is not supported'],
  [
    packed(int4, { sparsity_config: { format: 'sparse-24-bitmask' } }),
    'sparsity_config: {"format":"sparse-24-bitmask"} is not supported',
  ],
  [packed(int4, { transform_config: { config_groups: {} } }), 'transform_config'],
  [packed(int4, { config_groups: {} }), 'config_groups: is empty'],
  [packed({ ...int4, num_bits: 3 }), 'num_bits: is 3; packed weights of 4 and 8 bits are read'],
  [packed({ ...int4, strategy: 'tensor_group' }), 'strategy: "tensor_group" is not supported'],
  [packed({ ...int4, strategy: 'tensor' }), 'strategy: of packed weights must be "group" or "channel"'],
  [packed({ ...int4, type: 'float' }), 'type: "float" is not supported in pack-quantized'],
])('%j is refused', (config, message) => {
  expect(() => parse(config)).toThrow(message);
  expect(() => parse(config)).toThrow(/^config\.json: field quantization_config\./);
});
