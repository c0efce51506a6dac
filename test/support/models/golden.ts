// Reference numbers of an independent implementation, written by bench/peers.
import { readFile } from 'node:fs/promises';
import type { CheckpointOptions } from './checkpoint.ts';

export interface Golden {
  /** What computed the numbers. */
  source: string;
  /** The checkpoint, drawn again from its seed. */
  checkpoint: CheckpointOptions;
  ids: number[];
  /** Raw logits after the token at `position`. */
  positions: { position: number; logits: number[] }[];
}

export async function readGolden(name: string): Promise<Golden> {
  return JSON.parse(await readFile(new URL(`../../golden/${name}.json`, import.meta.url), 'utf8'));
}
