// The cases that are computed and those that are refused, and a case's bundle for tests.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Bundle, openBundle } from '../../model/bundle/bundle.ts';
import { type Bits, withNormShapes } from '../../model/bundle/tensors.ts';
import { parseConfig } from '../../model/config/config.ts';
import type { ModelConfig } from '../../model/config/model-config.ts';
import { convert } from '../../model/convert/convert.ts';
import { caseNames, loadCase, type OracleCase, writeOracleCheckpoint } from './rebuild.ts';

/** Properties that are not computed. A checkpoint with one is refused by the name of its field. */
export const refused: Readonly<Record<string, string>> = {
  'ernie4_5_moe-3': 'use_bias',
  'llama4_text-3': 'num_experts_per_tok',
  'olmoe-2': 'clip_qkv',
};

/** Names of all cases that are not refused. */
export async function computedNames(): Promise<string[]> {
  return (await caseNames()).filter((name) => !Object.hasOwn(refused, name));
}

/** The first case of each layout, for the core suite. */
export async function firstNames(): Promise<string[]> {
  return (await computedNames()).filter(
    (name) => name.endsWith('-1') && !/_(stacked|mxfp4)-|^llama4-/.test(name),
  );
}

/** The configs of all cases that are not refused, with the norms that the tensors show. */
export async function computedConfigs(): Promise<{ name: string; config: ModelConfig }[]> {
  return Promise.all(
    (await computedNames()).map(async (name) => {
      const { config, tensors } = await loadCase(name);
      const qNorm = tensors.find((tensor) =>
        /\.(q_norm|query_layernorm|q_layernorm)\.weight$/.test(tensor.name),
      );
      return { name, config: withNormShapes(parseConfig(config, name), () => qNorm?.shape) };
    }),
  );
}

/** Writes the checkpoint of a case, and removes it when `use` has ended. */
export async function withCheckpoint<T>(each: OracleCase, use: (dir: string) => Promise<T>): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), 'oracle-'));
  try {
    await writeOracleCheckpoint(join(dir, 'from'), each);
    return await use(dir);
  } finally {
    await rm(dir, { recursive: true });
  }
}

/** Converts a case's checkpoint and opens the bundle. */
export async function withBundle<T>(
  each: OracleCase,
  bits: Bits,
  use: (bundle: Bundle) => Promise<T>,
): Promise<T> {
  return await withCheckpoint(each, async (dir) => {
    await convert({ from: join(dir, 'from'), to: join(dir, 'to'), bits, workers: 1 });
    const bundle = await openBundle(join(dir, 'to'));
    try {
      return await use(bundle);
    } finally {
      await bundle.close();
    }
  });
}

/** The largest difference of all positions, relative to the largest logit. */
export function largestError(
  ours: readonly ArrayLike<number>[],
  theirs: readonly ArrayLike<number>[],
): number {
  if (ours.length !== theirs.length) throw new Error(`${ours.length} rows meet ${theirs.length}`);
  let [error, largest] = [0, 0];
  for (const [i, row] of theirs.entries()) {
    for (let j = 0; j < row.length; j++) {
      error = Math.max(error, Math.abs(row[j]! - ours[i]![j]!));
      largest = Math.max(largest, Math.abs(row[j]!));
    }
  }
  return error / largest;
}
