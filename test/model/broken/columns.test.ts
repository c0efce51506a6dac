// Checkpoints in AWQ and GPTQ whose parts are missing, contradict each other or are not numbers.
import { describe, it } from 'vitest';
import {
  added,
  type Broken,
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

const columns: Broken[] = [
  {
    what: 'the form gemv',
    of: 'awq',
    config: settings('awq', { version: 'gemv' }),
    says: 'config.json: field quantization_config.version: "gemv" is not supported ("gemm" is)',
  },
  {
    what: '8 bits',
    of: 'awq',
    config: settings('awq', { bits: 8 }),
    says: 'config.json: field quantization_config.bits: is 8; AWQ weights of 4 bits are read',
  },
  {
    what: 'no scales',
    of: 'awq',
    tensors: without(/1\.up_proj\.scales/),
    says: 'model.safetensors: tensor model.layers.0.mlp.experts.1.up_proj.scales: is missing, though there is model.layers.0.mlp.experts.1.up_proj.qweight',
  },
  {
    what: 'only scales',
    of: 'awq',
    tensors: without(/1\.up_proj\.q/),
    says: 'model.safetensors: tensor model.layers.0.mlp.experts.1.up_proj.qweight: is missing, though there is model.layers.0.mlp.experts.1.up_proj.scales and config.json says awq',
  },
  {
    what: 'zero points of other groups',
    of: 'awq',
    tensors: reshaped(`${up}.qzeros`, [2, 4]),
    says: 'model.safetensors: tensor model.layers.0.mlp.experts.1.up_proj.qzeros: has shape [2,4]; model.layers.0.mlp.experts.1.up_proj.qweight [64,4] in groups of 16 needs [4,4]',
  },
  {
    what: 'a NaN scale',
    of: 'awq',
    tensors: patched(`${up}.scales`, 2, [0, 0x7e]),
    says: 'model.safetensors: tensor model.layers.0.mlp.experts.1.up_proj.qweight: cannot be decoded, because model.layers.0.mlp.experts.1.up_proj.scales holds NaN',
  },
  {
    what: 'a group of 0',
    of: 'awq',
    config: settings('awq', { group_size: 0 }),
    says: 'config.json: field quantization_config.group_size: is 0, not a whole number from 1 to 16777216',
  },
  {
    what: 'floats beside codes',
    of: 'awq',
    tensors: added(`${up}.weight`, [32, 64]),
    says: 'model.safetensors: tensor model.layers.0.mlp.experts.1.up_proj.weight: is not part of the model that config.json describes',
  },
  {
    what: 'another order of groups',
    of: 'gptq',
    tensors: without(/1\.up_proj\.g_idx/),
    says: 'model.safetensors: tensor model.layers.0.mlp.experts.1.up_proj.g_idx: is missing, though there is model.layers.0.mlp.experts.1.up_proj.qweight',
  },
  {
    what: 'a group that does not exist',
    of: 'gptq',
    tensors: patched(`${up}.g_idx`, 20, [4]),
    says: 'model.safetensors: tensor model.layers.0.mlp.experts.1.up_proj.qweight: has 4 groups, but model.layers.0.mlp.experts.1.up_proj.g_idx puts column 5 in group 4',
  },
  {
    what: 'another number of bits',
    of: 'gptq',
    config: settings('gptq', { bits: 8 }),
    says: 'model.safetensors: tensor model.layers.0.self_attn.q_proj.scales: has shape [4,64]; model.layers.0.self_attn.q_proj.qweight [8,64] in groups of 16 needs [2,64]',
  },
  {
    what: '6 bits',
    of: 'gptq',
    config: settings('gptq', { bits: 6 }),
    says: 'config.json: field quantization_config.bits: is 6; GPTQ weights of 2, 3, 4, 8 bits are read',
  },
  {
    what: 'the form of Marlin',
    of: 'gptq',
    config: settings('gptq', { checkpoint_format: 'marlin' }),
    says: 'config.json: field quantization_config.checkpoint_format: "marlin" is not supported (gptq, gptq_v2 are)',
  },
  {
    what: 'codes of one long row',
    of: 'gptq',
    tensors: reshaped(`${up}.qweight`, [256]),
    says: 'model.safetensors: tensor model.layers.0.mlp.experts.1.up_proj.qweight: has shape [256], which is not [inputs * 4 / 32, outputs]',
  },
  {
    what: 'a bias that is not zero',
    of: 'gptq',
    tensors: patched(`${up}.bias`, 6, [1]),
    says: 'model.safetensors: tensor model.layers.0.mlp.experts.1.up_proj.bias: is not part of the model that config.json describes',
  },
];

const tables = { 'AWQ and GPTQ': columns };
for (const [kind, cases] of Object.entries(tables)) {
  describe(`broken weights in ${kind} are refused by name (${cases.length} kinds)`, () => {
    it.each(cases)('$of: $what', async (broken) => {
      const [from, to] = [fresh(), fresh()];
      await writeBroken(from, await partsOf(broken.of), broken);
      await expectRefusal(from, to, { bits: 8, ...broken });
    });
  });
}
