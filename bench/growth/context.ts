// A bundle with a longer context and otherwise the same bytes, for speed at contexts that the model was not made for.
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { shortHash } from '../../model/bundle/hash.ts';
import { contentHashOf, readManifest, writeManifest } from '../../model/bundle/manifest.ts';

const CONFIG = 'config.json';

/** Writes the bundle to the new directory `to`. Links the weights, so that it takes no space. */
export async function withContext(model: string, to: string, context: number): Promise<void> {
  const manifest = await readManifest(model);
  const config: Record<string, unknown> = JSON.parse(await readFile(join(model, CONFIG), 'utf8'));
  const bytes = Buffer.from(JSON.stringify({ ...config, max_position_embeddings: context }));
  await mkdir(to);
  for (const name of Object.keys(manifest.files)) {
    if (name !== CONFIG) await symlink(resolve(model, name), join(to, name));
  }
  await writeFile(join(to, CONFIG), bytes);
  const files = { ...manifest.files, [CONFIG]: { bytes: bytes.length, hash: shortHash(bytes) } };
  const changed = { ...manifest, files };
  await writeManifest(to, { ...changed, contentHash: contentHashOf(changed) });
}
