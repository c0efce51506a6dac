// Makes a Hugging Face checkpoint from a bundle of 16 or 32 bits: node scripts/export-checkpoint.ts test/fixtures/nano-16 DIR
// Such a bundle has the floats of its source under the names of the Qwen3-MoE layout, and lacks only the index.
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
    throw new Error(
      `${from} has ${bits} bits a weight, so it lacks the floats of its source. Export a bundle of 16 or 32 bits.`,
    );
  if (config.layout !== 'qwen3_moe')
    throw new Error(
      `${from}: config.json has the layout ${config.layout}, and only qwen3_moe can be exported`,
    );

  await mkdir(to, { recursive: true });
  const files: Record<string, string> = {};
  let bytes = 0;
  for (const name of Object.keys(manifest.files)) {
    if (name === GOLDEN_FILE) continue; // is not part of a checkpoint
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
