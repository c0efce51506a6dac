// Checkpoints in FP8 and in the packed form of compressed-tensors whose parts are missing, contradict each other or are not numbers.
import { describe, it } from 'vitest';
import {
  added,
  type Broken,
  changed,
  expectRefusal,
  freshPaths,
  patched,
  reshaped,
  without,
  writeBroken,
} from './break.ts';
import { formParts, settings, up } from './quantised-parts.ts';

const fresh = freshPaths();
const partsOf = formParts(fresh);

const fp8: Broken[] = [
  {
    what: 'no scales',
    of: 'fp8',
    tensors: without(/up_proj\.weight_scale_inv/),
    says: 'model.safetensors: tensor model.layers.0.mlp.experts.0.up_proj.weight: has dtype F8_E4M3, but there is neither model.layers.0.mlp.experts.0.up_proj.weight_scale_inv nor model.layers.0.mlp.experts.0.up_proj.weight_scale',
  },
  {
    what: 'scales under both names',
    of: 'fp8',
    tensors: added(`${up}.weight_scale`, [2, 2]),
    says: 'model.safetensors: tensor model.layers.0.mlp.experts.1.up_proj.weight_scale: is there, and so is model.layers.0.mlp.experts.1.up_proj.weight_scale_inv: only one of them can be right',
  },
  {
    what: 'scales of other blocks',
    of: 'fp8',
    tensors: reshaped(`${up}.weight_scale_inv`, [4, 2]),
    says: 'model.safetensors: tensor model.layers.0.mlp.experts.1.up_proj.weight_scale_inv: has shape [4,2]; model.layers.0.mlp.experts.1.up_proj.weight [32,64] needs [2,2]',
  },
  {
    what: 'scales of another type',
    of: 'fp8',
    tensors: reshaped(`${up}.weight_scale_inv`, [2, 2], 'I32'),
    says: 'model.safetensors: tensor model.layers.0.mlp.experts.1.up_proj.weight_scale_inv: has dtype I32; F32, F16, BF16, F8_E8M0 are read',
  },
  {
    what: 'a block of 0',
    of: 'fp8',
    config: settings('fp8', { weight_block_size: [0, 48] }),
    says: 'config.json: field quantization_config.weight_block_size: is [0,48], not the two sizes of a block',
  },
  {
    what: 'a scale that is NaN',
    of: 'fp8',
    tensors: patched(`${up}.weight_scale_inv`, 4, [0, 0, 0xc0, 0x7f]),
    says: 'model.safetensors: tensor model.layers.0.mlp.experts.1.up_proj.weight: cannot be decoded, because model.layers.0.mlp.experts.1.up_proj.weight_scale_inv holds NaN',
  },
  {
    what: 'the code of NaN',
    of: 'fp8',
    tensors: patched(`${up}.weight`, 70, [0xff]),
    says: 'model.safetensors: tensor model.layers.0.mlp.experts.1.up_proj.weight: holds NaN in row 1, column 6',
  },
  {
    what: 'codes of int8',
    of: 'fp8',
    tensors: changed(`${up}.weight`, (tensor) => ({ ...tensor, dtype: 'I8' })),
    says: 'model.safetensors: tensor model.layers.0.mlp.experts.1.up_proj.weight: has dtype I8; F8_E4M3 is expected',
  },
  {
    what: 'e5m2',
    of: 'fp8',
    config: settings('fp8', { fmt: 'e5m2' }),
    says: 'config.json: field quantization_config.fmt: "e5m2" is not supported (e4m3 and float8_e4m3fn are)',
  },
  {
    what: 'a module that the config leaves in floats',
    of: 'fp8',
    config: settings('fp8', { modules_to_not_convert: ['model.layers.0.self_attn'] }),
    says: 'model.safetensors: tensor model.layers.0.self_attn.q_proj.weight: is quantised, though quantization_config leaves the module model.layers.0.self_attn.q_proj in floats',
  },
  {
    what: 'no quantization_config',
    of: 'fp8',
    config: { quantization_config: undefined },
    says: 'model.safetensors: tensor model.layers.0.self_attn.q_proj.weight: is quantised, but config.json has no quantization_config',
  },
];

const packed: Broken[] = [
  {
    what: 'no scales',
    of: 'int4',
    tensors: without(/1\.up_proj\.weight_scale/),
    says: 'model.safetensors: tensor model.layers.0.mlp.experts.1.up_proj.weight_scale: is missing, though there is model.layers.0.mlp.experts.1.up_proj.weight_packed',
  },
  {
    what: 'no shape',
    of: 'int4',
    tensors: without(/1\.up_proj\.weight_shape/),
    says: 'model.safetensors: tensor model.layers.0.mlp.experts.1.up_proj.weight_shape: is missing, though there is model.layers.0.mlp.experts.1.up_proj.weight_packed',
  },
  {
    what: 'no zero points',
    of: 'int4',
    tensors: without(/1\.up_proj\.weight_zero_point/),
    says: 'model.safetensors: tensor model.layers.0.mlp.experts.1.up_proj.weight_zero_point: is missing, though there is model.layers.0.mlp.experts.1.up_proj.weight_packed',
  },
  {
    what: 'zero points of symmetric weights',
    of: 'int4',
    config: settings('int4', {
      config_groups: {
        group_0: {
          targets: ['Linear'],
          weights: { num_bits: 4, type: 'int', symmetric: true, strategy: 'group', group_size: 16 },
        },
      },
    }),
    says: 'model.safetensors: tensor model.layers.0.self_attn.q_proj.weight_zero_point: is there, though config.json says symmetric: true',
  },
  {
    what: 'a stated shape that is huge',
    of: 'int4',
    tensors: patched(`${up}.weight_shape`, 6, [1]),
    says: 'model.safetensors: tensor model.layers.0.mlp.experts.1.up_proj.weight_packed: has shape [32,64], but model.layers.0.mlp.experts.1.up_proj.weight_shape says [281474976710688,64]',
  },
  {
    what: 'words of another width',
    of: 'int4',
    tensors: reshaped(`${up}.weight_packed`, [32, 4]),
    says: 'model.safetensors: tensor model.layers.0.mlp.experts.1.up_proj.weight_scale: has shape [32,4]; model.layers.0.mlp.experts.1.up_proj.weight_packed [32,4] needs [32,2]',
  },
  {
    what: 'an order with a negative group',
    of: 'int4',
    tensors: patched(`${up}.weight_g_idx`, 8, [255, 255, 255, 255]),
    says: 'model.safetensors: tensor model.layers.0.mlp.experts.1.up_proj.weight_packed: has 4 groups, but model.layers.0.mlp.experts.1.up_proj.weight_g_idx puts column 2 in group -1',
  },
  {
    what: 'a group that does not divide',
    of: 'int4',
    config: settings('int4', {
      config_groups: {
        group_0: { targets: ['Linear'], weights: { num_bits: 4, symmetric: false, group_size: 24 } },
      },
    }),
    says: 'model.safetensors: tensor model.layers.0.self_attn.q_proj.weight_packed: has 64 inputs of 4 bits, which groups of 24 do not divide',
  },
  {
    what: 'an infinite scale',
    of: 'int4',
    tensors: patched(`${up}.weight_scale`, 0, [0x80, 0x7f]),
    says: 'model.safetensors: tensor model.layers.0.mlp.experts.1.up_proj.weight_packed: cannot be decoded, because model.layers.0.mlp.experts.1.up_proj.weight_scale holds Infinity',
  },
  {
    what: '5 bits',
    of: 'int4',
    config: settings('int4', {
      config_groups: { group_0: { targets: ['Linear'], weights: { num_bits: 5, group_size: 16 } } },
    }),
    says: 'config.json: field quantization_config.config_groups.group_0.weights.num_bits: is 5; packed weights of 4 and 8 bits are read',
  },
];

const tables = { FP8: fp8, 'compressed-tensors': packed };
for (const [kind, cases] of Object.entries(tables)) {
  describe(`broken weights in ${kind} are refused by name (${cases.length} kinds)`, () => {
    it.each(cases)('$of: $what', async (broken) => {
      const [from, to] = [fresh(), fresh()];
      await writeBroken(from, await partsOf(broken.of), broken);
      await expectRefusal(from, to, { bits: 8, ...broken });
    });
  });
}
