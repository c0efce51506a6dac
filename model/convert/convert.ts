// Converts a Hugging Face checkpoint or a model in GGUF to a bundle. This file finds the model's tensors; the plan's tasks encode and write them.
import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import { canonicalJson, hashLines, shortHash } from '../bundle/hash.ts';
import { type Bits, type CanonicalTensor, denseTensors, expertTensors } from '../bundle/tensors.ts';
import { type ModelConfig, unitShape } from '../config/model-config.ts';
import { tensorError } from '../errors.ts';
import { findGguf } from '../gguf/read.ts';
import { readExactly } from '../reading/read-exactly.ts';
import { type Checkpoint, openCheckpoint } from './checkpoint.ts';
import { openGgufCheckpoint } from './gguf-checkpoint.ts';
import type { JournalEntry } from './journal.ts';
import { type BundlePlan, planBundle, type TensorSource } from './plan.ts';
import type { SourceTensor } from './storage/logical.ts';
import { type WriteOptions, type WrittenBundle, writeBundle } from './write-bundle.ts';

const SLICE_BYTES = 4 << 20;

interface ConvertOptions extends WriteOptions {
  /** A directory with config.json and safetensors weights, or a GGUF file, or a directory with a model in GGUF. */
  from: string;
  bits: Bits;
}

interface Converted extends WrittenBundle {
  config: ModelConfig;
  /** Whether the checkpoint had a tokenizer.json. Without one, a bundle serves token ids only. */
  hasTokenizer: boolean;
}

/**
 * Converts the checkpoint in `from` to a bundle in `to`, which must not exist or must be empty. The bundle grows in
 * a directory with the suffix `.partial`. If the signal or a kill stops the conversion, the same call resumes it and writes
 * the same bytes. A fault of the checkpoint throws an InputError of one line that names file and tensor or field.
 */
export async function convert({ from, bits, ...options }: ConvertOptions): Promise<Converted> {
  const { config, copies, stamps, plan } = await openSource(from, bits);
  const written = await writeBundle({ plan, copies, stamps, identity: sourceIdentity }, options);
  return { ...written, config, hasTokenizer: copies.has('tokenizer.json') };
}

/** Opens the checkpoint and checks its tensors. The returned function `plan` takes the bundle's directory. */
async function openSource(from: string, bits: Bits) {
  const gguf = await findGguf(resolve(from));
  const checkpoint = await (gguf === undefined ? openCheckpoint(resolve(from)) : openGgufCheckpoint(gguf));
  await checkTensors(checkpoint);
  const { config } = checkpoint;
  const source = (tensor: CanonicalTensor) => sourceOf(checkpoint, tensor);
  return { ...checkpoint, plan: (dir: string) => planBundle({ config, bits, dir, sourceOf: source }) };
}

interface PlannedConversion {
  /** Identifies small files by contents, and weight files by names, sizes and times. Does not depend on their directory. */
  key: string;
  /** Bytes of weights. */
  sourceBytes: number;
  bundleBytes: number;
  config: ModelConfig;
  /** The forms in which the weights are published: `BF16`, `F8_E4M3`, … */
  forms: readonly string[];
  /** The bundle's small files, by name. */
  copies: ReadonlyMap<string, Uint8Array>;
}

/** Plans a conversion without doing it. Reads headers only. Throws like `convert` if the checkpoint cannot be converted. */
export async function planConversion(wanted: { from: string; bits: Bits }): Promise<PlannedConversion> {
  const { config, copies, stamps, plan } = await openSource(wanted.from, wanted.bits);
  const { tasks, files } = plan('');
  const hashes = Array.from(copies, ([name, data]) => `${name} ${shortHash(data)}`);
  return {
    key: shortHash(Buffer.from([...hashes, ...stamps].join('\n'))),
    sourceBytes: tasks.reduce((sum, task) => sum + task.sourceBytes, 0),
    bundleBytes: files.reduce((sum, file) => sum + file.bytes, 0),
    config,
    copies,
    forms: [...new Set(tasks.flatMap(({ dtypes }) => dtypes))].sort(),
  };
}

function sourceOf(checkpoint: Checkpoint, wanted: CanonicalTensor): TensorSource {
  const { tensor, view } = checkpoint.locate(wanted);
  const [rows = 1, ...rest] = wanted.shape;
  const cols = rest.reduce((product, length) => product * length, 1);
  const isByRow = wanted.kind === 'matrix' || tensor.isRead === 'by row';
  const storage = tensor.storage(view.part ?? (isByRow ? { rows, cols } : { rows: 1, cols: rows * cols }));
  const order = view.rows ?? (tensor.isRead === 'by row' ? {} : undefined);
  return {
    sourceName: tensor.name,
    sourcePath: tensor.path,
    source: { kind: 'stored', storage, ...(order !== undefined && { rows: order }) },
    sourceBytes: tensor.bytesOf(rows * cols),
    dtype: tensor.dtype,
    form: tensor.form,
  };
}

/** Throws unless the checkpoint has exactly the tensors that its config describes. */
export async function checkTensors(checkpoint: Checkpoint): Promise<void> {
  const { config, tensors } = checkpoint;
  const known = new Set<string>();
  for (const wanted of modelTensors(config)) {
    for (const name of checkpoint.locate(wanted).tensor.stored) known.add(name);
  }
  const embedding = checkpoint.locate(firstTensor(config)).tensor;
  for (const extra of tensors.values()) {
    if (known.has(extra.name) || checkpoint.isSpare(extra.name)) continue;
    if (isModuleBias(extra, tensors) && (await isZero(extra))) continue;
    if (!checkpoint.isTiedHead(extra.name))
      throw tensorError(
        extra.path,
        extra.name,
        `is not part of the model that ${checkpoint.describedIn} describes`,
      );
    const same = tensors.get(embedding.name);
    if (same === undefined || !(await sameBytes(extra, same)))
      throw tensorError(extra.path, extra.name, 'differs from the embedding, though config.json ties them');
  }
}

/** Whether it is the bias of a quantised module. Packages write a bias of zeros for modules that have none. */
function isModuleBias({ name }: SourceTensor, tensors: Checkpoint['tensors']): boolean {
  return name.endsWith('.bias') && tensors.has(name.replace(/bias$/, 'qweight'));
}

async function isZero({ path, start, bytes }: SourceTensor): Promise<boolean> {
  const file = await open(path);
  try {
    for (let done = 0; done < bytes; done += SLICE_BYTES) {
      const slice = Buffer.alloc(Math.min(SLICE_BYTES, bytes - done));
      await readExactly(file, slice, start + done, path);
      if (slice.some((byte) => byte !== 0)) return false;
    }
    return true;
  } finally {
    await file.close();
  }
}

function firstTensor(config: ModelConfig): CanonicalTensor {
  for (const tensor of denseTensors(config)) return tensor;
  throw new Error('a model has an embedding');
}

/** Compares two tensors on disk. Checkpoints with tied embeddings often store the head as well. */
export async function sameBytes(a: SourceTensor, b: SourceTensor): Promise<boolean> {
  if (a.bytes !== b.bytes || a.dtype !== b.dtype) return false;
  const [fileA, fileB] = [await open(a.path), await open(b.path)];
  try {
    for (let done = 0; done < a.bytes; done += SLICE_BYTES) {
      const length = Math.min(SLICE_BYTES, a.bytes - done);
      const [left, right] = [Buffer.alloc(length), Buffer.alloc(length)];
      await readExactly(fileA, left, a.start + done, a.path);
      await readExactly(fileB, right, b.start + done, b.path);
      if (!left.equals(right)) return false;
    }
    return true;
  } finally {
    await Promise.all([fileA.close(), fileB.close()]);
  }
}

/** All tensors of the model: the dense ones, then those of each expert. */
export function* modelTensors(config: ModelConfig): Generator<CanonicalTensor> {
  yield* denseTensors(config);
  const { layers, experts } = unitShape(config);
  for (let layer = 0; layer < layers; layer++) {
    for (let expert = 0; expert < experts; expert++) yield* expertTensors(config, { layer, expert });
  }
}

/** Identifies the source by its config and its tensors' bytes, not by its files. All precisions have the same identity. */
function sourceIdentity({ config, tasks }: BundlePlan, results: readonly JournalEntry[]): string {
  const lines = tasks.flatMap(({ id, tensors, dtypes }) =>
    tensors.map(
      ({ name, shape }, i) => `tensor ${name} ${dtypes[i]} ${shape} ${results[id]?.sourceHashes[i]}`,
    ),
  );
  return hashLines(['expertgrid source 1', `config ${canonicalJson(config)}`, ...lines.sort()]);
}
