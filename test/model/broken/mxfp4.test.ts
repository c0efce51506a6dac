// Checkpoints in MXFP4 whose parts are missing, contradict each other or are not numbers.
import { describe, it } from 'vitest';
import {
  added,
  type Broken,
  expectRefusal,
  freshPaths,
  oracleParts,
  patched,
  reshaped,
  without,
  writeBroken,
} from './break.ts';

const fresh = freshPaths();
const partsOf = oracleParts(fresh);

const stack = 'model.layers.1.mlp.experts.gate_up_proj';

const mxfp4: Broken[] = [
  {
    what: 'no scales',
    of: 'gpt_oss_mxfp4-1',
    tensors: without(/1\.mlp\.experts\.gate_up_proj_scales/),
    says: 'model.safetensors: tensor model.layers.1.mlp.experts.gate_up_proj_scales: is missing, though there is model.layers.1.mlp.experts.gate_up_proj_blocks',
  },
  {
    what: 'no blocks',
    of: 'gpt_oss_mxfp4-1',
    tensors: without(/1\.mlp\.experts\.gate_up_proj_blocks/),
    says: 'model.safetensors: tensor model.layers.1.mlp.experts.gate_up_proj_blocks: is missing, though there is model.layers.1.mlp.experts.gate_up_proj_scales and config.json says mxfp4',
  },
  {
    what: 'no biases',
    of: 'gpt_oss_mxfp4-1',
    tensors: without(/1\.mlp\.experts\.down_proj_bias/),
    says: 'model.safetensors: tensor model.layers.1.mlp.experts.down_proj_bias: is missing, though config.json describes it',
  },
  {
    what: 'scales of other groups',
    of: 'gpt_oss_mxfp4-1',
    tensors: reshaped(`${stack}_scales`, [4, 192, 4]),
    says: 'model.safetensors: tensor model.layers.1.mlp.experts.gate_up_proj_scales: has shape [4,192,4]; model.layers.1.mlp.experts.gate_up_proj_blocks [4,192,2,16] needs [4,192,2]',
  },
  {
    what: 'blocks of another number of experts',
    of: 'gpt_oss_mxfp4-1',
    tensors: (all) => {
      reshaped(`${stack}_blocks`, [3, 192, 2, 16])(all);
      reshaped(`${stack}_scales`, [3, 192, 2])(all);
    },
    says: 'model.safetensors: tensor model.layers.1.mlp.experts.gate_up_proj_blocks: has shape [3,192,64]; config.json describes [4,192,64]',
  },
  {
    what: 'blocks of 8 bytes',
    of: 'gpt_oss_mxfp4-1',
    tensors: reshaped(`${stack}_blocks`, [4, 192, 4, 8]),
    says: 'model.safetensors: tensor model.layers.1.mlp.experts.gate_up_proj_blocks: has shape [4,192,4,8], which is not [experts, outputs, inputs / 32, 16]',
  },
  {
    what: 'the scale of NaN',
    of: 'gpt_oss_mxfp4-1',
    tensors: patched(`${stack}_scales`, 5, [255]),
    says: 'model.safetensors: tensor model.layers.1.mlp.experts.gate_up_proj_blocks: cannot be decoded, because model.layers.1.mlp.experts.gate_up_proj_scales holds NaN',
  },
  {
    what: 'floats beside blocks',
    of: 'gpt_oss_mxfp4-1',
    tensors: added(stack, [4, 64, 192], 'BF16'),
    says: 'model.safetensors: tensor model.layers.1.mlp.experts.gate_up_proj: is not part of the model that config.json describes',
  },
  {
    what: 'another method',
    of: 'gpt_oss_mxfp4-1',
    config: { quantization_config: { quant_method: 'fp8' } },
    says: 'model.safetensors: tensor model.layers.0.mlp.experts.gate_up_proj: is missing, though there is model.layers.0.mlp.experts.gate_up_proj_blocks and config.json says fp8',
  },
  {
    what: 'an unknown method',
    of: 'gpt_oss_mxfp4-1',
    config: { quantization_config: { quant_method: 'nvfp4' } },
    says: 'config.json: field quantization_config.quant_method: "nvfp4" is not supported (fp8, mxfp4, compressed-tensors, awq, gptq are)',
  },
  {
    what: 'a method that is no text',
    of: 'gpt_oss_mxfp4-1',
    config: { quantization_config: { quant_method: 4 } },
    says: 'config.json: field quantization_config.quant_method: is 4, not a string',
  },
  {
    what: 'a quantization_config that is a text',
    of: 'gpt_oss_mxfp4-1',
    config: { quantization_config: 'mxfp4' },
    says: 'config.json: field quantization_config: is not a JSON object',
  },
];

const tables = { MXFP4: mxfp4 };
for (const [kind, cases] of Object.entries(tables)) {
  describe(`broken weights in ${kind} are refused by name (${cases.length} kinds)`, () => {
    it.each(cases)('$of: $what', async (broken) => {
      const [from, to] = [fresh(), fresh()];
      await writeBroken(from, await partsOf(broken.of), broken);
      await expectRefusal(from, to, { bits: 8, ...broken });
    });
  });
}
