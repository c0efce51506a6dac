// Changes the golden row of one expert in a bundle and corrects all hashes. A shard of the original bundle then seems to
// have a damaged expert.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DIGEST_BYTES } from '../../../model/bundle/golden-file.ts';
import { shortHash } from '../../../model/bundle/hash.ts';
import { GOLDEN_FILE, readManifest, writeManifest } from '../../../model/bundle/manifest.ts';
import type { Unit } from '../../../model/devices/expert.ts';
import { loadTensorMap } from '../../../model/safetensors.ts';

export async function spoilGolden(dir: string, { layer, expert }: Unit): Promise<void> {
  const { goldenRows, ...manifest } = await readManifest(dir);
  const path = join(dir, GOLDEN_FILE);
  const digests = (await loadTensorMap(path, path)).get('digests');
  if (goldenRows === undefined || digests === undefined) throw new Error(`${dir} has no golden rows`);
  const file = await readFile(path);
  const stored = file.subarray(digests.start, digests.start + digests.bytes);
  const [, experts = 0] = digests.shape;
  stored[(layer * experts + expert) * DIGEST_BYTES]! ^= 1;
  await writeFile(path, file);
  await writeManifest(dir, { ...manifest, goldenRows: { ...goldenRows, digests: shortHash(stored) } });
}
