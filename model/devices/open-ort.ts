// Opens the ONNX Runtime devices over a bundle. Knows names of tensors; no graph.
import type { Bundle } from '../bundle/bundle.ts';
import { attentionInput, attentionOutput, head } from '../onnx/graphs.ts';
import { openSession } from '../onnx/runtime.ts';
import type { DenseDevice } from './dense.ts';
import type { ExpertDevice } from './expert.ts';
import { ortNumericsClass } from './numerics.ts';
import type { OpenDenseOptions } from './open.ts';
import { createOrtDense } from './ort-dense.ts';
import { createOrtExperts } from './ort-expert.ts';

/** Reads the dense part of the bundle, hash-checked, and readies it. */
export async function openOrtDense({ bundle, signal, onLoaded }: OpenDenseOptions): Promise<DenseDevice> {
  const { config } = bundle;
  if (config.headDim % 8 !== 0) {
    throw new Error(
      `${bundle.dir}: heads of ${config.headDim}: ONNX Runtime's attention takes multiples of 8`,
    );
  }
  const numericsClass = ortNumericsClass(bundle);
  const layers = [];
  for (let layer = 0; layer < config.layers; layer++) {
    signal?.throwIfAborted();
    const name = `model.layers.${layer}`;
    const normed = config.qkNorm !== 'none';
    const input = attentionInput(config, {
      norm: await bundle.readVector(`${name}.input_layernorm.weight`),
      q: await bundle.readMatrix(`${name}.self_attn.q_proj.weight`),
      k: await bundle.readMatrix(`${name}.self_attn.k_proj.weight`),
      v: await bundle.readMatrix(`${name}.self_attn.v_proj.weight`),
      ...(normed && {
        qNorm: await bundle.readVector(`${name}.self_attn.q_norm.weight`),
        kNorm: await bundle.readVector(`${name}.self_attn.k_norm.weight`),
      }),
    });
    const output = attentionOutput(config, {
      o: await bundle.readMatrix(`${name}.self_attn.o_proj.weight`),
      norm: await bundle.readVector(`${name}.post_attention_layernorm.weight`),
      router: await bundle.readVector(`${name}.mlp.gate.weight`),
    });
    layers.push({ input: await openSession(input), output: await openSession(output) });
    onLoaded?.(layer + 1, config.layers + 1);
  }
  const embedding = await bundle.readMatrix('model.embed_tokens.weight');
  const output = config.tiedEmbeddings ? embedding : await bundle.readMatrix('lm_head.weight');
  const headSession = await openSession(head(config, await bundle.readVector('model.norm.weight'), output));
  onLoaded?.(config.layers + 1, config.layers + 1);
  return createOrtDense({ config, numericsClass, embedding, layers, head: headSession });
}

export function openOrtExperts(bundle: Bundle): ExpertDevice {
  return createOrtExperts({
    config: bundle.config,
    numericsClass: ortNumericsClass(bundle),
    readExpert: (unit) => bundle.readExpert(unit),
  });
}
