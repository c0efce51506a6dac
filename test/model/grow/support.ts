// Checkpoints of oracle cases that are grown, and the comparison of logits.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { openCheckpoint } from '../../../model/convert/checkpoint.ts';
import { planConversion } from '../../../model/convert/convert.ts';
import { grow } from '../../../model/grow/grow.ts';
import { layerOrder } from '../../../model/grow/layer-order.ts';
import { loadCase, writeOracleCheckpoint } from '../../oracle/rebuild.ts';
import { runCase, runCheckpoint } from '../../oracle/run-case.ts';
import { tinyFolder } from '../../support/models/tiny-bundle.ts';

/** Checkpoints that cannot grow in width, and what the error says of each. */
export const refusedWidth: Readonly<Record<string, RegExp>> = {
  // With several experts per token, the layout always divides sigmoids by their sum; with one, it does not.
  'bailing_moe_v2-3': /cannot express the grown model: its routing/,
  'gpt_oss_mxfp4-1': /quantised weights cannot be grown/,
  'gpt_oss_mxfp4-2': /quantised weights cannot be grown/,
  'llama4-1': /field text_config: a model with several parts cannot be grown/,
  'llama4_text-1': /cannot grow in width: the weight multiplies the input/,
  'llama4_text-2': /cannot grow in width: the weight multiplies the input/,
  'sigma-4': /cannot grow in width: weights are divided by their sum in layers with several experts/,
};

/** Checkpoints that cannot grow in depth, and what the error says of each. */
export const refusedDepth: Readonly<Record<string, string>> = {
  // Its dense layers are every second one, which is no longer so.
  'ernie4_5_moe-2': 'the layout ernie4_5_moe cannot express the grown model',
  'gpt_oss_mxfp4-1': 'quantised weights cannot be grown',
  'gpt_oss_mxfp4-2': 'quantised weights cannot be grown',
  'llama4-1': 'field text_config: a model with several parts cannot be grown',
};

/** Cases that `convert` refuses, too. */
export const refusedByAll = ['ernie4_5_moe-3', 'llama4_text-3', 'olmoe-2'];

export async function writeCase(name: string): Promise<string> {
  const dir = join(await tinyFolder(), 'from');
  await writeOracleCheckpoint(dir, await loadCase(name));
  return dir;
}

/** The largest difference of a logit of the source and of the grown model, relative to the largest logit. */
export async function widthError(name: string, experts?: number): Promise<number> {
  const [oracle, from] = [await loadCase(name), await writeCase(name)];
  const to = `${from}-grown`;
  await grow({ from, to, growth: { kind: 'width', experts, noise: 0, seed: 1 } });
  const before = await runCase(oracle, { bits: 32, shards: 1 });
  const after = await runCheckpoint(to, oracle.tokens, { bits: 32, shards: 1 });
  expect(after.routing[0]?.[0]?.length).toBeGreaterThan(before.routing[0]?.[0]?.length ?? 0);
  return largestError(after.logits, before.logits);
}

/** Grows a case in depth, and compares configuration and tensors with those of its source. */
export async function checkDepth(name: string): Promise<void> {
  const from = await writeCase(name);
  const to = `${from}-grown`;
  const { config: source } = await openCheckpoint(from);
  const keepEnds = source.layers > 2 ? 1 : 0;
  const { config } = await grow({ from, to, growth: { kind: 'depth', keepEnds } });
  const order = layerOrder(source.layers, keepEnds)!;
  expect(config.layers).toBe(order.length);
  // `planConversion` checks that the tensors are exactly those of the new config.json.
  expect((await planConversion({ from: to, bits: 32 })).config).toEqual(config);
  for (const list of ['windows', 'chunks', 'unrotated'] as const) {
    const before = source.attention?.[list];
    expect(config.attention?.[list]).toEqual(before && order.map((layer) => before[layer]));
  }
  const dense = source.denseMlp?.layers;
  expect(config.denseMlp?.layers.map((layer) => order[layer])).toEqual(
    dense && order.filter((layer) => dense.includes(layer)),
  );
  const [before, after] = [await tensorBytesOf(from), await tensorBytesOf(to)];
  for (const [tensor, bytes] of after) {
    const original = tensor.replace(/\blayers\.(\d+)\./, (_, layer) => `layers.${order[Number(layer)]}.`);
    expect(before.get(original)?.equals(bytes)).toBe(true);
  }
}

/** The largest difference, relative to the largest logit of `theirs`. */
export function largestError(ours: readonly Float32Array[], theirs: readonly Float32Array[]): number {
  expect(ours.length).toBe(theirs.length);
  let [error, largest] = [0, 0];
  for (const [i, row] of theirs.entries()) {
    for (const [j, value] of row.entries()) {
      error = Math.max(error, Math.abs(value - ours[i]![j]!));
      largest = Math.max(largest, Math.abs(value));
    }
  }
  return error / largest;
}

/** The bytes of all tensors of a checkpoint, by name. */
export async function tensorBytesOf(dir: string): Promise<Map<string, Buffer>> {
  const { tensors } = await openCheckpoint(dir);
  const files = new Map<string, Buffer>();
  const found = new Map<string, Buffer>();
  for (const { name, path, start, bytes } of tensors.values()) {
    const file = files.get(path) ?? (await readFile(path));
    files.set(path, file);
    found.set(name, file.subarray(start, start + bytes));
  }
  return found;
}

export async function readJson(dir: string, name = 'config.json'): Promise<Record<string, unknown>> {
  return JSON.parse(await readFile(join(dir, name), 'utf8'));
}

/** The float32 values of a tensor. */
export function floatsOf(bytes: Buffer | undefined): Float32Array {
  return new Float32Array(Uint8Array.from(bytes ?? []).buffer);
}
