// Reads the cases that bench/oracle has written, and makes their checkpoints again. bench/oracle/weights.py draws the same
// numbers.
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fillRandom, streamKey } from '../../model/convert/random.ts';
import { frameSafetensors, toFloat16 } from '../support/models/safetensors-writer.ts';

/** Tensors that are drawn in the same way. A name such as `layers.{0-3}.experts.{0,2}.weight` stands for several. */
type TensorGroup = { name: string; shape: number[] } & (
  | { dtype: 'F32' | 'BF16' | 'F16'; mean: number; deviation: number }
  | { dtype: 'U8'; first: number; count: number }
);

export interface OracleCase {
  /** Name of the file without `.json`. */
  name: string;
  layout: string;
  /** Class of transformers that computed the logits. */
  class: string;
  /** Whether this class is the layout's own, or was set to the same maths and compared with a float64 reference. */
  maths: string;
  seed: number;
  /** The checkpoint's config.json. */
  config: Record<string, unknown>;
  tensors: TensorGroup[];
  /** SHA-256 of the bytes of all tensors, in order of their names. */
  sha256: string;
  tokens: number[];
  vocab: number;
  /** Difference between the float32 and the float64 logits, relative to the largest logit. */
  noise: number;
  /** Smallest distance between the scores of a chosen and another expert or group; of softmax scores, of their logarithms. */
  nearestTie: number;
  /** Euclidean norms of the residual stream at the last position: of the embedding, then after each layer but the last. */
  norms: number[];
  /** Sorted experts of each position, for each layer that has experts. */
  routing: number[][][];
  /** Logits of each position, which transformers computed in float32. */
  logits: Float32Array[];
  /** Logits of a few positions, computed in float64. */
  exact: { position: number; logits: Float64Array }[];
}

const folder = import.meta.dirname;

/** Names of all cases, or of those whose layout is listed. */
export async function caseNames(...layouts: string[]): Promise<string[]> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.json')).sort();
  const names = files.map((file) => file.slice(0, -'.json'.length));
  return layouts.length === 0 ? names : names.filter((name) => layouts.includes(name.replace(/-\d+$/, '')));
}

/** Reads all cases, or those of the listed layouts. */
export async function loadCases(...layouts: string[]): Promise<OracleCase[]> {
  return Promise.all((await caseNames(...layouts)).map((name) => loadCase(name)));
}

/** Reads one case, of the committed ones or of another folder. */
export async function loadCase(name: string, from = folder): Promise<OracleCase> {
  const stored = JSON.parse(await readFile(join(from, `${name}.json`), 'utf8'));
  const logits = new Float32Array(bytesOf(stored.logits));
  const exact = new Float64Array(bytesOf(stored.exact.logits));
  const positions: number[] = stored.exact.positions;
  return {
    ...stored,
    name,
    logits: rowsOf(logits, stored.vocab),
    exact: rowsOf(exact, stored.vocab).map((row, i) => ({ position: positions[i]!, logits: row })),
  };
}

function bytesOf(base64: string): ArrayBuffer {
  return Uint8Array.from(Buffer.from(base64, 'base64')).buffer;
}

function rowsOf<T extends Float32Array | Float64Array>(values: T, width: number): T[] {
  const rows: T[] = [];
  for (let start = 0; start < values.length; start += width) {
    rows.push(values.subarray(start, start + width) as T);
  }
  return rows;
}

/** The names that a group stands for. */
function namesOf(pattern: string): string[] {
  const found = /\{([\d,-]+)\}/.exec(pattern);
  if (found === null) return [pattern];
  const before = pattern.slice(0, found.index);
  const after = pattern.slice(found.index + found[0].length);
  return numbersOf(found[1]!).flatMap((number) => namesOf(`${before}${number}${after}`));
}

function numbersOf(text: string): number[] {
  const range = /^(\d+)-(\d+)$/.exec(text);
  if (range === null) return text.split(',').map(Number);
  const first = Number(range[1]);
  return Array.from({ length: Number(range[2]) - first + 1 }, (_, i) => first + i);
}

/** With this deviation around this mean, `fillRandom` gives the sum of its four dice itself. */
const DICE_DEVIATION = Math.sqrt((4 * (256 ** 2 - 1)) / 12);
const DICE_MEAN = 510;

const encoders: Record<'F32' | 'BF16' | 'F16', (values: Float32Array<ArrayBuffer>) => Uint8Array> = {
  F32: (values) => new Uint8Array(values.buffer),
  BF16: (values) => {
    const words = new Uint32Array(values.buffer);
    const halves = new Uint16Array(words.length);
    // To nearest, ties to even.
    for (let i = 0; i < words.length; i++) halves[i] = (words[i]! + 0x7fff + ((words[i]! >>> 16) & 1)) >>> 16;
    return new Uint8Array(halves.buffer);
  },
  F16: (values) => {
    const halves = new Uint16Array(values.length);
    for (let i = 0; i < values.length; i++) halves[i] = toFloat16(values[i]!);
    return new Uint8Array(halves.buffer);
  },
};

function drawTensor(seed: number, name: string, group: TensorGroup): Uint8Array {
  const count = group.shape.reduce((a, b) => a * b, 1);
  const values = new Float32Array(count);
  const key = streamKey(seed, name);
  if (group.dtype === 'U8') {
    fillRandom(values, 0, key, DICE_MEAN, DICE_DEVIATION);
    return Uint8Array.from(values, (sum) => group.first + (sum % group.count));
  }
  fillRandom(values, 0, key, group.mean, group.deviation);
  return encoders[group.dtype](values);
}

/** Writes config.json and model.safetensors into `dir`. Throws if the tensors are not those that the oracle read. */
export async function writeOracleCheckpoint(dir: string, oracle: OracleCase): Promise<void> {
  const groups = oracle.tensors.flatMap((group) => namesOf(group.name).map((name) => ({ name, group })));
  groups.sort((a, b) => (a.name < b.name ? -1 : 1));
  const header: Record<string, unknown> = { __metadata__: { format: 'pt' } };
  const parts: Uint8Array[] = [];
  let offset = 0;
  for (const { name, group } of groups) {
    const bytes = drawTensor(oracle.seed, name, group);
    header[name] = { dtype: group.dtype, shape: group.shape, data_offsets: [offset, offset + bytes.length] };
    parts.push(bytes);
    offset += bytes.length;
  }
  const body = Buffer.concat(parts);
  const digest = createHash('sha256').update(body).digest('hex');
  if (digest !== oracle.sha256) {
    throw new Error(
      `${oracle.name}: the tensors' SHA-256 is ${digest}, not ${oracle.sha256} as bench/oracle wrote`,
    );
  }
  await mkdir(dir, { recursive: true });
  await writeFile(join(dir, 'config.json'), JSON.stringify(oracle.config));
  await writeFile(join(dir, 'model.safetensors'), frameSafetensors(header, body));
}
