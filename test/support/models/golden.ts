// Reads files of logits that an independent implementation has computed. bench/peers writes these files.
import { readFile } from 'node:fs/promises';
import type { CheckpointOptions } from './checkpoint.ts';

export interface Golden {
  /** Program that computed the logits, with its version. */
  source: string;
  /** Options with which the same random checkpoint is made again. */
  checkpoint: CheckpointOptions;
  ids: number[];
  /** Raw logits after the token at `position`. */
  positions: { position: number; logits: number[] }[];
}

export async function readGolden(name: string): Promise<Golden> {
  return JSON.parse(await readFile(new URL(`../../golden/${name}.json`, import.meta.url), 'utf8'));
}
