// Records what every expert of a bundle gives for its golden row on this machine's device, so that a shard elsewhere can
// prove itself. Knows no precision and no graph.
import { openBundle } from './bundle/bundle.ts';
import { goldenDigest, goldenInput } from './bundle/golden.ts';
import { addGoldens } from './bundle/manifest.ts';
import { openExpertDevice } from './devices/open.ts';

export interface RecordGoldensOptions {
  signal?: AbortSignal;
  /** Experts done, of all. */
  onProgress?: (progress: { done: number; total: number }) => void;
}

/** Adds the digests of this numerics class to the bundle in `dir`; throws where an answer is not finite. */
export async function recordGoldens(
  dir: string,
  { signal, onProgress }: RecordGoldensOptions = {},
): Promise<void> {
  const bundle = await openBundle(dir);
  const device = openExpertDevice({ bundle });
  const { layers, experts, hidden } = bundle.config;
  const digests: string[][] = [];
  try {
    for (let layer = 0; layer < layers; layer++) {
      const ofLayer: string[] = [];
      for (let expert = 0; expert < experts; expert++) {
        const unit = { layer, expert };
        await bundle.readExpert(unit); // checks its hash; a device may compute on the mapped file unchecked
        await device.load([unit], { signal });
        const output = await device.run(layer, goldenInput(layer, expert, hidden), Uint16Array.of(0, expert));
        await device.unload([unit]);
        if (!output.every(Number.isFinite)) {
          throw new Error(`${dir}: expert ${expert} of layer ${layer} gives a number that is not finite`);
        }
        ofLayer.push(goldenDigest(output));
        onProgress?.({ done: layer * experts + expert + 1, total: layers * experts });
      }
      digests.push(ofLayer);
    }
  } finally {
    await device.dispose();
    await bundle.close();
  }
  await addGoldens(dir, device.numericsClass, digests);
}
