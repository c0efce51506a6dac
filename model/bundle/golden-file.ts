// The file of golden rows in a bundle: its tensors, what its header must say, its bytes. Knows no device and no agreement.
import type { ModelConfig } from '../config/config.ts';
import { InputError, tensorError } from '../errors.ts';
import type { TensorMap, TensorSpec } from '../safetensors.ts';
import type { BundleFiles } from './files.ts';
import { GOLDEN_FILE, type GoldenRows } from './manifest.ts';

/** A digest as it lies in the file: the first 128 bits of SHA-256. */
export const DIGEST_BYTES = 16;

/** The key of the header's metadata that names the class of the answers. */
export const CLASS_KEY = 'numerics_class';

export type GoldenShape = Pick<ModelConfig, 'layers' | 'experts' | 'hidden'>;

/** Bytes of golden rows, each checked against its hash. */
export interface GoldenSource {
  readonly numericsClass: string;
  /** float32 `[layers, hidden]` */
  readInput(): Promise<Uint8Array<ArrayBuffer>>;
  /** `[layers, experts, 16]` */
  readDigests(): Promise<Uint8Array<ArrayBuffer>>;
  /** bfloat16 `[experts, hidden]` of one layer. */
  readAnswers(layer: number): Promise<Uint8Array<ArrayBuffer>>;
}

/** In the order in which they lie in the file. */
export function goldenTensors({ layers, experts, hidden }: GoldenShape): TensorSpec[] {
  return [
    { name: 'input', dtype: 'F32', shape: [layers, hidden] },
    { name: 'digests', dtype: 'U8', shape: [layers, experts, DIGEST_BYTES] },
    { name: 'answers', dtype: 'BF16', shape: [layers, experts, hidden] },
  ];
}

/** The entry of a tensor that `checkGolden` or the layout has put there. */
export function goldenEntry(stored: TensorMap, name: string, file: string) {
  const entry = stored.get(name);
  if (entry === undefined) throw tensorError(file, name, 'is missing');
  return entry;
}

/** Throws an InputError where the header is not that of the model's golden rows or contradicts bundle.json. */
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
    throw tensorError(
      file,
      'answers',
      `bundle.json has hashes for ${rows.answers.length} of ${shape.layers} layers`,
    );
  }
}

/** `stored` is the file's header, checked. */
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
