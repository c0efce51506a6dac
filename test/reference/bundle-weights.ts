// The dequantised weights of a bundle for the reference. They are the values with which devices compute.
import type { Bundle } from '../../model/bundle/bundle.ts';
import type { Matrix } from '../../model/tensor.ts';
import { dequantize, isTiled } from '../../model/tiles.ts';
import type { ReferenceExpert, ReferenceLayer, ReferenceMatrix, ReferenceWeights } from './weights.ts';

export async function weightsOfBundle(bundle: Bundle): Promise<ReferenceWeights> {
  const { config } = bundle;
  const vector = async (name: string) => Float64Array.from(await bundle.readVector(name));
  const matrix = async (name: string) => widened(await bundle.readMatrix(`${name}.weight`));

  const layers: ReferenceLayer[] = [];
  for (let l = 0; l < config.layers; l++) {
    const layer = `model.layers.${l}`;
    const experts: ReferenceExpert[] = [];
    for (let expert = 0; expert < config.experts; expert++) {
      const { gate, up, down } = await bundle.readExpert({ layer: l, expert });
      experts.push({ gate: widened(gate), up: widened(up), down: widened(down) });
    }
    layers.push({
      inputNorm: await vector(`${layer}.input_layernorm.weight`),
      q: await matrix(`${layer}.self_attn.q_proj`),
      k: await matrix(`${layer}.self_attn.k_proj`),
      v: await matrix(`${layer}.self_attn.v_proj`),
      o: await matrix(`${layer}.self_attn.o_proj`),
      ...(config.qkNorm !== 'none' && {
        qNorm: await vector(`${layer}.self_attn.q_norm.weight`),
        kNorm: await vector(`${layer}.self_attn.k_norm.weight`),
      }),
      postNorm: await vector(`${layer}.post_attention_layernorm.weight`),
      router: {
        rows: config.experts,
        cols: config.hidden,
        data: await vector(`${layer}.mlp.gate.weight`),
        quantised: false,
      },
      ...(config.routing.selectionBias && {
        selectionBias: await vector(`${layer}.mlp.gate.e_score_correction_bias`),
      }),
      experts,
    });
  }
  const embedding = await matrix('model.embed_tokens');
  return {
    embedding,
    layers,
    finalNorm: await vector('model.norm.weight'),
    head: config.tiedEmbeddings ? embedding : await matrix('lm_head'),
  };
}

function widened(matrix: Matrix): ReferenceMatrix {
  const { encoding, rows, cols } = matrix;
  const quantised = isTiled(encoding);
  return { rows, cols, data: Float64Array.from(dequantize(matrix)), quantised };
}
