// Records the answer of each expert of a bundle to its layer's golden row. Golden checks compare shards' answers with these.
import { type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { firstNonFinite } from '../base/finite.ts';
import { type Bundle, openBundle } from './bundle/bundle.ts';
import { goldenDigest, goldenInput } from './bundle/golden.ts';
import { CLASS_KEY, DIGEST_BYTES, goldenEntry, goldenTensors } from './bundle/golden-file.ts';
import { shortHash } from './bundle/hash.ts';
import { GOLDEN_FILE, type GoldenRows, publishGoldenRows } from './bundle/manifest.ts';
import { unitShape } from './config/model-config.ts';
import { type ExpertDevice, isMapped } from './devices/expert.ts';
import { openExpertDevice } from './devices/open.ts';
import type { DeviceName } from './devices/options.ts';
import { narrowBrain } from './floats.ts';
import { layOut } from './safetensors.ts';

/** Number of experts that are loaded at once. */
const BATCH = 16;

/** Name of the file while it is being written. */
const STAGED = `${GOLDEN_FILE}.new`;

export interface RecordGoldensOptions {
  device?: DeviceName;
  /** Threads of the CPU kernels. */
  threads?: number;
  signal?: AbortSignal;
  /** Counts experts. */
  onProgress?: (progress: { done: number; total: number }) => void;
}

export interface RecordedGoldens {
  numericsClass: string;
  /** Size of `golden.safetensors`. */
  bytes: number;
}

/**
 * Writes `golden.safetensors` into the bundle in `dir`, or replaces it. If the signal or a kill stops the
 * recording, the bundle stays as it was. Checks every expert's hash. Throws if an answer is not finite.
 */
export async function recordGoldens(
  dir: string,
  { device: name, threads, signal, onProgress }: RecordGoldensOptions = {},
): Promise<RecordedGoldens> {
  const bundle = await openBundle(dir);
  const device = await openExpertDevice({ bundle, device: name, threads });
  try {
    const file = await open(join(dir, STAGED), 'w');
    const { rows, bytes } = await writeRows({ bundle, device, file, signal, onProgress }).finally(() =>
      file.close(),
    );
    await publishGoldenRows(dir, { staged: STAGED, bytes, rows });
    return { numericsClass: device.numericsClass, bytes };
  } finally {
    await rm(join(dir, STAGED), { force: true });
    await device.dispose();
    await bundle.close();
  }
}

interface WriteRows extends Pick<RecordGoldensOptions, 'signal' | 'onProgress'> {
  bundle: Bundle;
  device: ExpertDevice;
  file: FileHandle;
}

/** Writes all tensors to the file. Only the answers of one layer are in memory at a time. */
async function writeRows({ file, ...options }: WriteRows): Promise<{ rows: GoldenRows; bytes: number }> {
  const { bundle, device, onProgress } = options;
  const shape = unitShape(bundle.config);
  const { layers, experts, hidden } = shape;
  const { numericsClass } = device;
  const { header, tensors, bytes } = layOut(goldenTensors(shape), { [CLASS_KEY]: numericsClass });
  const startOf = (name: string) => goldenEntry(tensors, name, GOLDEN_FILE).start;
  const input = new Float32Array(layers * hidden);
  const digests = Buffer.alloc(layers * experts * DIGEST_BYTES);
  const hashes: string[] = [];
  for (let layer = 0; layer < layers; layer++) {
    const row = goldenRow(layer, hidden);
    input.set(row, layer * hidden);
    const stored = new Uint16Array(experts * hidden);
    for (let from = 0; from < experts; from += BATCH) {
      onProgress?.({ done: layer * experts + from, total: layers * experts });
      const numbers = Array.from({ length: Math.min(BATCH, experts - from) }, (_, i) => from + i);
      const answers = await answersOf({ ...options, layer, row, experts: numbers });
      narrowBrain(answers, stored.subarray(from * hidden));
      for (const [i, expert] of numbers.entries()) {
        const digest = goldenDigest(answers.subarray(i * hidden, (i + 1) * hidden));
        digests.write(digest, (layer * experts + expert) * DIGEST_BYTES, 'hex');
      }
    }
    const answers = new Uint8Array(stored.buffer);
    hashes.push(shortHash(answers));
    await writeAt(file, answers, startOf('answers') + layer * answers.length);
  }
  const rows = new Uint8Array(input.buffer);
  await writeAt(file, header, 0);
  await writeAt(file, rows, startOf('input'));
  await writeAt(file, digests, startOf('digests'));
  await file.sync();
  onProgress?.({ done: layers * experts, total: layers * experts });
  return {
    bytes,
    rows: { numericsClass, input: shortHash(rows), digests: shortHash(digests), answers: hashes },
  };
}

/** Uniform numbers of variance 1, like a normed row. All are within ±1.74, so int8 rounding loses little. */
function goldenRow(layer: number, hidden: number): Float32Array {
  return goldenInput(layer, 0, hidden).map((value) => value * Math.sqrt(3));
}

interface Asked extends Pick<WriteRows, 'bundle' | 'device' | 'signal'> {
  layer: number;
  row: Float32Array;
  experts: readonly number[];
}

/** `[experts, hidden]`, each expert's answer to the row. */
async function answersOf({ bundle, device, signal, layer, row, experts }: Asked): Promise<Float32Array> {
  const units = experts.map((expert) => ({ layer, expert }));
  await device.load(units, { signal });
  if (isMapped(device)) {
    for (const unit of units) {
      await bundle.readExpert(unit); // checks the hash, because `load` of a mapped device does not
      device.mapIn(unit);
    }
  }
  const asks = Uint16Array.from(experts.flatMap((expert) => [0, expert]));
  const answers = await device.run(layer, row, asks);
  await device.unload(units);
  const bad = firstNonFinite(answers);
  if (bad === undefined) return answers;
  const expert = experts[Math.floor(bad / row.length)];
  throw new Error(`${bundle.dir}: expert ${expert} of layer ${layer} gives a number that is not finite`);
}

async function writeAt(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await file.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
  }
}
