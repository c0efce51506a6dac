// The file of golden rows in a bundle: lists its tensors, checks its header, and reads its bytes.
import type { unitShape } from '../config/model-config.ts';
import { InputError, tensorError } from '../errors.ts';
import { parseFile, type TensorMap, type TensorSpec } from '../safetensors.ts';
import type { BundleFiles } from './files.ts';
import { shortHash } from './hash.ts';
import { GOLDEN_FILE, type GoldenRows } from './manifest.ts';

/** Bytes of a digest in the file: the first 128 bits of SHA-256. */
export const DIGEST_BYTES = 16;

/** The metadata key for the numerics class of the answers. */
export const CLASS_KEY = 'numerics_class';

/** `layers` counts those with experts. */
type GoldenShape = ReturnType<typeof unitShape>;

/** Reads bytes of golden rows, and checks their hashes. */
export interface GoldenSource {
  readonly numericsClass: string;
  /** float32 `[layers, hidden]` */
  readInput(): Promise<Uint8Array<ArrayBuffer>>;
  /** `[layers, experts, 16]` */
  readDigests(): Promise<Uint8Array<ArrayBuffer>>;
  /** bfloat16 `[experts, hidden]`, the answers of one layer. */
  readAnswers(layer: number): Promise<Uint8Array<ArrayBuffer>>;
}

/** The tensors of the file, in order. */
export function goldenTensors({ layers, experts, hidden }: GoldenShape): TensorSpec[] {
  return [
    { name: 'input', dtype: 'F32', shape: [layers, hidden] },
    { name: 'digests', dtype: 'U8', shape: [layers, experts, DIGEST_BYTES] },
    { name: 'answers', dtype: 'BF16', shape: [layers, experts, hidden] },
  ];
}

/** The entry of a tensor. Throws if there is none. */
export function goldenEntry(stored: TensorMap, name: string, file: string) {
  const entry = stored.get(name);
  if (entry === undefined) throw tensorError(file, name, 'is missing');
  return entry;
}

/** Throws an InputError if the header does not fit the model's golden rows or contradicts bundle.json. */
export function checkGolden(
  shape: GoldenShape,
  rows: GoldenRows,
  { tensors, metadata }: { tensors: TensorMap; metadata: Readonly<Record<string, string>> },
  file: string,
): void {
  const expected = goldenTensors(shape);
  for (const { name, dtype, shape } of expected) {
    const entry = goldenEntry(tensors, name, file);
    if (entry.dtype === dtype && String(entry.shape) === String(shape)) continue;
    const wanted = `config.json asks for ${dtype} [${shape}]`;
    throw tensorError(file, name, `is ${entry.dtype} [${entry.shape}]; ${wanted}`);
  }
  for (const name of tensors.keys()) {
    if (!expected.some((tensor) => tensor.name === name))
      throw tensorError(file, name, 'is not a golden row');
  }
  if (metadata[CLASS_KEY] !== rows.numericsClass) {
    const said = JSON.stringify(metadata[CLASS_KEY]);
    throw new InputError(`${file}: its ${CLASS_KEY} is ${said}, bundle.json says ${rows.numericsClass}`);
  }
  if (rows.answers.length !== shape.layers) {
    const hashes = `hashes for ${rows.answers.length} of ${shape.layers} layers`;
    throw tensorError(file, 'answers', `bundle.json has ${hashes}`);
  }
}

/** `stored` is the file's checked header. */
export function goldenSource(
  files: BundleFiles,
  { layers }: GoldenShape,
  rows: GoldenRows,
  stored: TensorMap,
): GoldenSource {
  const read = (name: string, hash: string | undefined, part = 0, parts = 1) => {
    const { start, bytes } = goldenEntry(stored, name, GOLDEN_FILE);
    const length = bytes / parts;
    const what = parts === 1 ? `tensor ${name}` : `tensor ${name}, layer ${part}`;
    return files.read({ name: GOLDEN_FILE, start: start + part * length, length, hash, what });
  };
  return {
    numericsClass: rows.numericsClass,
    readInput: () => read('input', rows.input),
    readDigests: () => read('digests', rows.digests),
    readAnswers: (layer) => read('answers', rows.answers[layer], layer, layers),
  };
}

/** True if `file`, the bytes of a golden.safetensors, has the class and the hashes of `rows`. The shapes are not checked. */
export function isGoldenFile(file: Buffer, rows: GoldenRows): boolean {
  try {
    const { tensors, metadata } = parseFile(file, GOLDEN_FILE);
    const matches = (name: string, hashes: readonly string[]) => {
      const { start, bytes } = goldenEntry(tensors, name, GOLDEN_FILE);
      const length = bytes / hashes.length;
      return hashes.every((hash, i) => {
        const from = start + i * length;
        return shortHash(file.subarray(from, from + length)) === hash;
      });
    };
    return (
      metadata[CLASS_KEY] === rows.numericsClass &&
      matches('input', [rows.input]) &&
      matches('digests', [rows.digests]) &&
      matches('answers', rows.answers)
    );
  } catch (error) {
    if (error instanceof InputError) return false;
    throw error;
  }
}
