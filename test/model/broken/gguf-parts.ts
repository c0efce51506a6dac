// A small sound model in GGUF, which tests break.
import { type FileParts, ggufBytes, type TensorPart, values } from '../gguf/gguf-bytes.ts';

type Keys = Record<string, Buffer>;

export const hidden = 64;
export const experts = 4;
export const inner = 32;
export const vocab = 40;

/** The keys of a small qwen3moe, without the architecture before them. */
const soundKeys: Keys = {
  block_count: values.u32(1),
  context_length: values.u32(256),
  embedding_length: values.u32(hidden),
  feed_forward_length: values.u32(96),
  expert_feed_forward_length: values.u32(inner),
  expert_count: values.u32(experts),
  expert_used_count: values.u32(2),
  vocab_size: values.u32(vocab),
  'attention.head_count': values.u32(4),
  'attention.head_count_kv': values.u32(2),
  'attention.key_length': values.u32(16),
  'attention.value_length': values.u32(16),
  'attention.layer_norm_rms_epsilon': values.f32(1e-6),
  'rope.freq_base': values.f32(10_000),
};

const soundShapes: Record<string, readonly number[]> = {
  'token_embd.weight': [vocab, hidden],
  'output_norm.weight': [hidden],
  'output.weight': [vocab, hidden],
  'blk.0.attn_norm.weight': [hidden],
  'blk.0.attn_q.weight': [64, hidden],
  'blk.0.attn_k.weight': [32, hidden],
  'blk.0.attn_v.weight': [32, hidden],
  'blk.0.attn_output.weight': [hidden, 64],
  'blk.0.attn_q_norm.weight': [16],
  'blk.0.attn_k_norm.weight': [16],
  'blk.0.ffn_norm.weight': [hidden],
  'blk.0.ffn_gate_inp.weight': [experts, hidden],
  'blk.0.ffn_gate_exps.weight': [experts, inner, hidden],
  'blk.0.ffn_up_exps.weight': [experts, inner, hidden],
  'blk.0.ffn_down_exps.weight': [experts, hidden, inner],
};

/** A tokenizer of a few tokens. */
export const tokenizer: Keys = {
  'tokenizer.ggml.model': values.string('gpt2'),
  'tokenizer.ggml.pre': values.string('qwen2'),
  'tokenizer.ggml.tokens': values.strings(['a', 'b', 'c', 'ab', '<e>']),
  'tokenizer.ggml.token_type': values.i32s([1, 1, 1, 1, 3]),
  'tokenizer.ggml.merges': values.strings(['a b']),
  'tokenizer.ggml.eos_token_id': values.u32(4),
};

const zeros = (name: string, shape: readonly number[]): TensorPart => ({
  name,
  dimensions: shape.toReversed(),
  type: 0,
  data: Buffer.alloc(4 * shape.reduce((product, length) => product * length, 1)),
});

interface Change {
  architecture?: string;
  /** Keys that are replaced (undefined: left out). */
  keys?: Record<string, Buffer | undefined>;
  whole?: Record<string, Buffer | undefined>;
  /** Tensors that are replaced or added (undefined: left out), or their parts. */
  tensors?: Record<string, Partial<TensorPart> | undefined>;
}

function partsOf({ architecture = 'qwen3moe', keys = {}, whole = {}, tensors = {} }: Change): FileParts {
  const all = new Map<string, Buffer | undefined>([
    ['general.architecture', values.string(architecture)],
    ...Object.entries({ ...soundKeys, ...keys }).map(([key, value]): [string, Buffer | undefined] => [
      `${architecture}.${key}`,
      value,
    ]),
    ...Object.entries(whole),
  ]);
  const named = Object.fromEntries(
    Object.entries(soundShapes).map(([name, shape]): [string, TensorPart] => [name, zeros(name, shape)]),
  );
  const changed = Object.entries(tensors).map(([name, part]) => [
    name,
    part && { ...(named[name] ?? zeros(name, [1])), ...part },
  ]);
  const kept: Record<string, TensorPart | undefined> = { ...named, ...Object.fromEntries(changed) };
  return {
    keys: [...all].flatMap(([key, value]) => (value === undefined ? [] : [[key, value] as const])),
    tensors: Object.values(kept).filter((part) => part !== undefined),
  };
}

export const file = (change: Change) => ggufBytes(partsOf(change));
export const shaped = (...shape: number[]): Partial<TensorPart> => {
  const { dimensions, data } = zeros('', shape);
  return { dimensions, data };
};
export const key = (name: string, value: Buffer | undefined) => file({ keys: { [name]: value } });
export const tensor = (name: string, part: Partial<TensorPart> | undefined) =>
  file({ tensors: { [name]: part } });
export const token = (name: string, value: Buffer | undefined) =>
  file({ whole: { ...tokenizer, [`tokenizer.ggml.${name}`]: value } });

/** Tokens that are all of the kind of a text's parts. */
export const tokens = (...all: string[]) => ({
  'tokenizer.ggml.tokens': values.strings(all),
  'tokenizer.ggml.token_type': undefined,
});
