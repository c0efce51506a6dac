// Bundles of tiny random models with 96 experts a layer: made once for each shape and test file, and removed after the file.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Bits } from '../../../model/bundle/tensors.ts';
import { convert } from '../../../model/convert/convert.ts';
import { afterFile } from '../after-file.ts';
import { type CheckpointOptions, writeCheckpoint } from './checkpoint.ts';

export interface TinyBundleOptions extends CheckpointOptions {
  bits?: Bits;
}

const made = new Map<string, Promise<string>>();
let root: Promise<string> | undefined;

async function makeRoot(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'expertgrid-e2e-'));
  afterFile(async () => {
    await Promise.allSettled(made.values());
    made.clear();
    root = undefined;
    await rm(folder, { recursive: true });
  });
  return folder;
}

/** A directory in the temporary folder that this test file may write in. */
export async function tinyFolder(): Promise<string> {
  root ??= makeRoot();
  return await mkdtemp(join(await root, 'folder-'));
}

/** Directory of a bundle with a byte tokenizer. Default: 3 layers of 96 experts, 64 wide. */
export function tinyBundle(options: TinyBundleOptions = {}): Promise<string> {
  const key = JSON.stringify(options);
  let bundle = made.get(key);
  if (bundle === undefined) {
    bundle = make(options);
    made.set(key, bundle);
  }
  return bundle;
}

async function make({ bits = 4, ...shape }: TinyBundleOptions): Promise<string> {
  const folder = await tinyFolder();
  const checkpoint = join(folder, 'checkpoint');
  const bundle = join(folder, 'tiny');
  await writeCheckpoint(checkpoint, { experts: 96, layers: 3, context: 512, ...shape });
  await convert({ from: checkpoint, to: bundle, bits, workers: 1 });
  await rm(checkpoint, { recursive: true });
  return bundle;
}
