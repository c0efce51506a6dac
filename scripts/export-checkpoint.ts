// Makes a Hugging Face checkpoint of a 16- or 32-bit bundle: node scripts/export-checkpoint.ts test/fixtures/nano-16 DIR
// Such a bundle holds the source's floats under the names of the Qwen3-MoE layout; only the index is missing.
import { copyFile, mkdir, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { openBundle } from '../model/bundle/bundle.ts';
import { GOLDEN_FILE } from '../model/bundle/manifest.ts';
import { readTensorMap } from '../model/safetensors.ts';

export async function exportCheckpoint(from: string, to: string): Promise<void> {
  const bundle = await openBundle(from);
  const { bits, config, manifest } = bundle;
  await bundle.close();
  if (bits < 16)
    throw new Error(`${from}: has ${bits} bits a weight; the floats it was made of are not in it`);
  if (config.layout !== 'qwen3_moe')
    throw new Error(`${from}: its config.json is of the ${config.layout} layout`);

  await mkdir(to, { recursive: true });
  const files: Record<string, string> = {};
  let bytes = 0;
  for (const name of Object.keys(manifest.files)) {
    if (name === GOLDEN_FILE) continue; // no part of the model
    await copyFile(join(from, name), join(to, name));
    if (!name.endsWith('.safetensors')) continue;
    const handle = await open(join(to, name));
    for (const [tensor, entry] of await readTensorMap(handle, name)) {
      files[tensor] = name;
      bytes += entry.bytes;
    }
    await handle.close();
  }
  const index = { metadata: { total_size: bytes }, weight_map: files };
  await writeFile(join(to, 'model.safetensors.index.json'), `${JSON.stringify(index, null, 1)}\n`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [from, to] = process.argv.slice(2);
  if (from === undefined || to === undefined) {
    process.stderr.write('usage: node scripts/export-checkpoint.ts BUNDLE DIR\n');
    process.exit(2);
  }
  await exportCheckpoint(from, to);
}
