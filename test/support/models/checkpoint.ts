// Writes random tiny Hugging Face checkpoints for tests, and returns their tensors and configuration.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ModelConfig } from '../../../model/config/config.ts';
import type { RopeScaling } from '../../../model/config/config-rope.ts';
import { normal, seedOf } from '../random.ts';
import { byteTokenizerFiles, byteTokenizerVocab } from './byte-tokenizer.ts';
import { configJson } from './checkpoint-config.ts';
import { encodeSafetensors, type FloatDtype, type FloatTensor, rounded } from './safetensors-writer.ts';

export type ScoreRule = 'softmax' | 'softmax-renormalised' | 'sigmoid';

export interface CheckpointOptions {
  seed?: number;
  /** Mixtral always renormalises the routing weights. Only the Qwen3-MoE layout has the score rule `sigmoid`. */
  layout?: WrittenLayout;
  dtype?: FloatDtype;
  hidden?: number;
  layers?: number;
  heads?: number;
  kvHeads?: number;
  /** Default: hidden / heads, the only width that OLMoE allows, because its config.json has no such field. */
  headDim?: number;
  experts?: number;
  /** Number of experts for each token. A list has one entry for each layer. */
  k?: number | readonly number[];
  inner?: number;
  /** With 261 or more, the checkpoint gets tokenizer files, too. */
  vocab?: number;
  context?: number;
  tied?: boolean;
  score?: ScoreRule;
  /** `num_expert_prototypes` of the Qwen3-MoE layout, which sets k. Default: none. */
  prototypes?: number;
  /** `routed_scaling_factor`, which is written unless it is 1. */
  routedScale?: number;
  qkNorm?: ModelConfig['qkNorm'];
  ropeBase?: number;
  ropeScaling?: RopeScaling;
  normEps?: number;
  /** Number of safetensors files. Several files come with an index. */
  shards?: number;
}

export interface Checkpoint {
  dir: string;
  /** The raw config.json. */
  json: Record<string, unknown>;
  /** The config that a reader should return. */
  config: ModelConfig;
  dtype: FloatDtype;
  /** Every tensor by its name in the checkpoint. Values are rounded to the dtype. */
  tensors: Map<string, FloatTensor>;
  /** Names of the safetensors files, in order. */
  files: string[];
}

/** Layouts that the tests write. bench/oracle has checkpoints of all layouts. */
export type WrittenLayout = 'qwen3_moe' | 'mixtral' | 'olmoe';

const qkNormOf = { qwen3_moe: 'head', mixtral: 'none', olmoe: 'projection' } as const;

/** The config that a reader should return for these options. Throws if the layout cannot express them. */
export function describe({
  layout = 'qwen3_moe',
  hidden = 64,
  layers = 2,
  heads = 4,
  kvHeads = 2,
  headDim = hidden / heads,
  experts = 8,
  prototypes,
  k = prototypes ?? 1,
  inner = 32,
  vocab = byteTokenizerVocab,
  context = 256,
  tied = false,
  score = layout === 'mixtral' ? 'softmax-renormalised' : 'softmax',
  routedScale = 1,
  qkNorm = qkNormOf[layout],
  ropeBase = 10_000,
  ropeScaling = { type: 'default' },
  normEps = 1e-6,
}: CheckpointOptions = {}): ModelConfig {
  if (layout === 'mixtral' && score !== 'softmax-renormalised')
    throw new Error(`the Mixtral layout has no score rule ${score}`);
  if (layout !== 'qwen3_moe' && prototypes !== undefined) throw new Error(`${layout} has no prototypes`);
  if (layout === 'olmoe' && score === 'sigmoid')
    throw new Error('the OLMoE layout has no score rule sigmoid');
  if (layout === 'olmoe' && headDim !== hidden / heads) throw new Error('the OLMoE layout has no head_dim');
  if (typeof k !== 'number' && k.length !== layers)
    throw new Error(`k lists ${k.length} of ${layers} layers`);
  return {
    layout,
    hidden,
    layers,
    heads,
    kvHeads,
    headDim,
    experts,
    expertsPerToken: typeof k === 'number' ? Array.from({ length: layers }, () => k) : k,
    inner,
    vocab,
    context,
    normEps,
    qkNorm,
    rope: { base: ropeBase, scaling: ropeScaling },
    tiedEmbeddings: tied,
    routing: {
      score: score === 'sigmoid' ? 'sigmoid' : 'softmax',
      renormalise: score !== 'softmax',
      selectionBias: score === 'sigmoid',
      scale: routedScale,
      ...(prototypes !== undefined && { prototypes }),
    },
  };
}

/** Name, shape, mean and standard deviation of each tensor, in the order of the file. */
function* plan(config: ModelConfig): Generator<{ name: string; shape: number[]; mean: number; std: number }> {
  const { layout, hidden, layers, heads, kvHeads, headDim, experts, inner, vocab, qkNorm } = config;
  // For inputs with standard deviation 1, a matrix gives outputs with standard deviation `gain`.
  const matrix = (name: string, rows: number, cols: number, gain = 1) => {
    return { name, shape: [rows, cols], mean: 0, std: gain / Math.sqrt(cols) };
  };
  const norm = (name: string, width: number) => ({ name, shape: [width], mean: 1, std: 0.2 });
  const mixtral = layout === 'mixtral';
  const block = mixtral ? 'block_sparse_moe' : 'mlp';
  const [gate, up, down] = mixtral ? ['w1', 'w3', 'w2'] : ['gate_proj', 'up_proj', 'down_proj'];

  const embedding = { name: 'model.embed_tokens.weight', shape: [vocab, hidden], mean: 0 };
  yield { ...embedding, std: config.tiedEmbeddings ? 0.3 : 1 };
  for (let l = 0; l < layers; l++) {
    const layer = `model.layers.${l}`;
    const attention = `${layer}.self_attn`;
    yield norm(`${layer}.input_layernorm.weight`, hidden);
    yield matrix(`${attention}.q_proj.weight`, heads * headDim, hidden);
    yield matrix(`${attention}.k_proj.weight`, kvHeads * headDim, hidden);
    yield matrix(`${attention}.v_proj.weight`, kvHeads * headDim, hidden);
    yield matrix(`${attention}.o_proj.weight`, hidden, heads * headDim);
    if (qkNorm !== 'none') {
      yield norm(`${attention}.q_norm.weight`, qkNorm === 'head' ? headDim : heads * headDim);
      yield norm(`${attention}.k_norm.weight`, qkNorm === 'head' ? headDim : kvHeads * headDim);
    }
    yield norm(`${layer}.post_attention_layernorm.weight`, hidden);
    // With scores of deviation 1.5, rows are spread over the experts and the best score differs clearly from the second.
    yield matrix(`${layer}.${block}.gate.weight`, experts, hidden, 1.5);
    if (config.routing.selectionBias) {
      yield { name: `${layer}.${block}.gate.e_score_correction_bias`, shape: [experts], mean: 0, std: 0.1 };
    }
    for (let e = 0; e < experts; e++) {
      const expert = `${layer}.${block}.experts.${e}`;
      yield matrix(`${expert}.${gate}.weight`, inner, hidden);
      yield matrix(`${expert}.${up}.weight`, inner, hidden);
      // silu(gate) * up has deviation near 0.4, and a routing weight below 1 shrinks the answer further.
      yield matrix(`${expert}.${down}.weight`, hidden, inner, 3);
    }
  }
  yield norm('model.norm.weight', hidden);
  if (!config.tiedEmbeddings) yield matrix('lm_head.weight', vocab, hidden);
}

/** The tensors that `writeCheckpoint` writes for the same seed and options. */
export function drawTensors(
  config: ModelConfig,
  seed = 1,
  dtype: FloatDtype = 'f32',
): Map<string, FloatTensor> {
  const tensors = new Map<string, FloatTensor>();
  for (const { name, shape, mean, std } of plan(config)) {
    const next = normal(seedOf(seed, name));
    const size = shape.reduce((product, length) => product * length, 1);
    tensors.set(name, {
      shape,
      data: Float32Array.from({ length: size }, () => rounded(mean + std * next(), dtype)),
    });
  }
  return tensors;
}

/**
 * Writes the config, the weights and the generation config into `dir`, and tokenizer files if the vocabulary is large
 * enough.
 */
export async function writeCheckpoint(dir: string, options: CheckpointOptions = {}): Promise<Checkpoint> {
  const { seed = 1, dtype = 'f32', shards = 1, k } = options;
  const config = describe(options);
  const tensors = drawTensors(config, seed, dtype);
  const json = configJson(config, { dtype, k });
  await mkdir(dir, { recursive: true });
  const writeJson = (name: string, value: unknown) =>
    writeFile(join(dir, name), JSON.stringify(value, null, 2));

  const names = [...tensors.keys()];
  const perShard = Math.ceil(names.length / shards);
  const files: string[] = [];
  const weightMap: Record<string, string> = {};
  for (let s = 0; s < shards; s++) {
    const file = shards === 1 ? 'model.safetensors' : shardName(s, shards);
    const part = new Map([...tensors].slice(s * perShard, (s + 1) * perShard));
    for (const name of part.keys()) weightMap[name] = file;
    await writeFile(join(dir, file), encodeSafetensors(part, dtype));
    files.push(file);
  }
  if (shards > 1) {
    const bytes = [...tensors.values()].reduce(
      (sum, { data }) => sum + data.length * (dtype === 'f32' ? 4 : 2),
      0,
    );
    await writeJson('model.safetensors.index.json', {
      metadata: { total_size: bytes },
      weight_map: weightMap,
    });
  }
  await writeJson('config.json', json);
  await writeJson('generation_config.json', {
    bos_token_id: json.bos_token_id,
    eos_token_id: json.eos_token_id,
    do_sample: true,
  });
  if (config.vocab >= byteTokenizerVocab) {
    for (const [name, value] of Object.entries(byteTokenizerFiles())) await writeJson(name, value);
  }
  return { dir, json, config, dtype, tensors, files };
}

function shardName(index: number, count: number): string {
  const digits = (value: number) => String(value).padStart(5, '0');
  return `model-${digits(index + 1)}-of-${digits(count)}.safetensors`;
}
