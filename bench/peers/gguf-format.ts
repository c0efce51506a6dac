// Writes the GGUF v3 container: typed metadata, then tensors of float32 or Q4_0.
// Source: docs/gguf.md of ggml-org/ggml.
import { open } from 'node:fs/promises';
import type { ModelConfig } from '../../model/config/config.ts';

export type GgufValue =
  | { type: 'u32'; value: number }
  | { type: 'f32'; value: number }
  | { type: 'bool'; value: boolean }
  | { type: 'string'; value: string }
  | { type: 'strings'; value: readonly string[] }
  | { type: 'i32s'; value: readonly number[] }
  | { type: 'f32s'; value: readonly number[] };

export interface GgufTensor {
  name: string;
  /** Outermost dimension first, as in Hugging Face's files. The GGUF file lists dimensions in the opposite order. */
  shape: readonly number[];
  /** Default: `f32`. */
  type?: TensorType;
  /** Row-major bytes: little-endian float32, or blocks of 32 values along the innermost dimension. */
  read: () => Promise<Uint8Array>;
}

type TensorType = 'f32' | 'q4_0';

const typeCode = { u32: 4, i32: 5, f32: 6, bool: 7, string: 8, array: 9 } as const;

/** For each type, its code in the file, and how many values and bytes a block has (ggml.h). */
export const tensorTypes = {
  f32: { code: 0, values: 1, bytes: 4 },
  q4_0: { code: 2, values: 32, bytes: 18 },
} as const;
const alignment = 32;

const u32 = fixed(4, (bytes, value) => bytes.writeUInt32LE(value));
const i32 = fixed(4, (bytes, value) => bytes.writeInt32LE(value));
const f32 = fixed(4, (bytes, value) => bytes.writeFloatLE(value));
const u64 = fixed(8, (bytes, value) => bytes.writeBigUInt64LE(BigInt(value)));

export type ModelSizes = Pick<
  ModelConfig,
  'hidden' | 'layers' | 'heads' | 'kvHeads' | 'headDim' | 'experts' | 'expertsPerToken' | 'inner' | 'vocab'
> &
  Pick<ModelConfig, 'context' | 'normEps'> & { rope: { base: number } };

/**
 * Metadata that llama.cpp needs for a Mixture-of-Experts model. `fileType` is 0 for float32 and 2 for mostly Q4_0.
 * `feedForward` is the width of dense layers.
 */
export function modelMetadata(
  architecture: string,
  sizes: ModelSizes,
  { fileType, feedForward }: { fileType: number; feedForward: number },
): Record<string, GgufValue> {
  const [k = 1] = sizes.expertsPerToken;
  if (sizes.expertsPerToken.some((each) => each !== k)) {
    throw new Error('num_experts_per_tok: llama.cpp has one number for all layers');
  }
  const counts = {
    context_length: sizes.context,
    embedding_length: sizes.hidden,
    block_count: sizes.layers,
    feed_forward_length: feedForward,
    expert_feed_forward_length: sizes.inner,
    expert_count: sizes.experts,
    expert_used_count: k,
    'attention.head_count': sizes.heads,
    'attention.head_count_kv': sizes.kvHeads,
    'attention.key_length': sizes.headDim,
    'attention.value_length': sizes.headDim,
    vocab_size: sizes.vocab,
  };
  const named = Object.entries(counts).map(([name, value]): [string, GgufValue] => {
    return [`${architecture}.${name}`, { type: 'u32', value }];
  });
  return {
    'general.architecture': { type: 'string', value: architecture },
    'general.alignment': { type: 'u32', value: alignment },
    'general.file_type': { type: 'u32', value: fileType },
    ...Object.fromEntries(named),
    [`${architecture}.attention.layer_norm_rms_epsilon`]: { type: 'f32', value: sizes.normEps },
    [`${architecture}.rope.freq_base`]: { type: 'f32', value: sizes.rope.base },
  };
}

export interface Vocabulary {
  tokens: readonly string[];
  /** llama.cpp's kind of each token: 1 is normal, 3 control, 5 unused. */
  kinds: readonly number[];
  merges: readonly string[];
  bos: number;
  eos: number;
}

/** llama.cpp loads no model without a vocabulary, although only ids are used here. */
export function vocabularyMetadata({
  tokens,
  kinds,
  merges,
  bos,
  eos,
}: Vocabulary): Record<string, GgufValue> {
  return {
    'tokenizer.ggml.model': { type: 'string', value: 'gpt2' },
    'tokenizer.ggml.pre': { type: 'string', value: 'default' },
    'tokenizer.ggml.tokens': { type: 'strings', value: tokens },
    'tokenizer.ggml.token_type': { type: 'i32s', value: kinds },
    'tokenizer.ggml.merges': { type: 'strings', value: merges },
    'tokenizer.ggml.bos_token_id': { type: 'u32', value: bos },
    'tokenizer.ggml.eos_token_id': { type: 'u32', value: eos },
    'tokenizer.ggml.add_bos_token': { type: 'bool', value: false },
  };
}

/** Writes the file. Tensors are read one after another, so that memory holds only one of them. */
export async function writeGguf(
  path: string,
  metadata: Readonly<Record<string, GgufValue>>,
  tensors: readonly GgufTensor[],
): Promise<void> {
  const entries = Object.entries(metadata);
  const parts = [Buffer.from('GGUF'), u32(3), u64(tensors.length), u64(entries.length)];
  for (const [key, value] of entries) parts.push(text(key), encodeValue(value));
  let offset = 0;
  for (const { name, shape, type = 'f32' } of tensors) {
    parts.push(
      text(name),
      u32(shape.length),
      ...shape.toReversed().map(u64),
      u32(tensorTypes[type].code),
      u64(offset),
    );
    offset += padded(bytesOf(shape, type));
  }
  const header = Buffer.concat(parts);
  const file = await open(path, 'w');
  try {
    await file.write(header);
    await file.write(Buffer.alloc(padded(header.length) - header.length));
    for (const { name, shape, type, read } of tensors) {
      const bytes = await read();
      const expected = bytesOf(shape, type);
      if (bytes.length !== expected) throw new Error(`${name}: ${bytes.length} bytes, not ${expected}`);
      await file.write(bytes);
      await file.write(Buffer.alloc(padded(bytes.length) - bytes.length));
    }
  } finally {
    await file.close();
  }
}

/** Bytes of a tensor. Throws if the innermost dimension is no whole number of blocks. */
export function bytesOf(shape: readonly number[], type: TensorType = 'f32'): number {
  const { values, bytes } = tensorTypes[type];
  const count = shape.reduce((product, length) => product * length, 1);
  if ((shape.at(-1) ?? 0) % values !== 0) throw new Error(`[${shape}] has no whole blocks of ${values}`);
  return (count / values) * bytes;
}

function padded(length: number): number {
  return Math.ceil(length / alignment) * alignment;
}

function encodeValue(entry: GgufValue): Buffer {
  switch (entry.type) {
    case 'u32':
      return Buffer.concat([u32(typeCode.u32), u32(entry.value)]);
    case 'f32':
      return Buffer.concat([u32(typeCode.f32), f32(entry.value)]);
    case 'bool':
      return Buffer.concat([u32(typeCode.bool), Buffer.from([entry.value ? 1 : 0])]);
    case 'string':
      return Buffer.concat([u32(typeCode.string), text(entry.value)]);
    case 'strings':
      return array(typeCode.string, entry.value.map(text));
    case 'i32s':
      return array(typeCode.i32, entry.value.map(i32));
    case 'f32s':
      return array(typeCode.f32, entry.value.map(f32));
  }
}

function array(type: number, items: readonly Buffer[]): Buffer {
  return Buffer.concat([u32(typeCode.array), u32(type), u64(items.length), ...items]);
}

/** Encodes numbers of a fixed size with a writer of `Buffer`. */
function fixed(size: number, write: (bytes: Buffer, value: number) => void): (value: number) => Buffer {
  return (value) => {
    const bytes = Buffer.alloc(size);
    write(bytes, value);
    return bytes;
  };
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([u64(bytes.length), bytes]);
}
