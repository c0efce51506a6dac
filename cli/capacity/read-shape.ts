// Reads the sizes of a bundle for the capacity model.
import { basename } from 'node:path';
import type { ModelShape } from '../../infra/capacity/shape.ts';
import { openBundle } from '../../model/bundle/bundle.ts';
import { DENSE_FILE } from '../../model/bundle/manifest.ts';
import { expertLayers, type ModelConfig } from '../../model/config/model-config.ts';
import { cpuKvShape } from '../../model/devices/kv-shape.ts';

/** `dir`: directory of the bundle. */
export async function readShape(dir: string): Promise<ModelShape> {
  const bundle = await openBundle(dir);
  const { config, manifest } = bundle;
  await bundle.close();
  const { layers, hidden, heads, kvHeads, headDim, experts, expertsPerToken, inner, vocab, context } = config;
  const { blockBytes, blockSize } = cpuKvShape(config);
  return {
    name: basename(dir),
    ...{ layers, hidden, heads, kvHeads, headDim, experts, expertsPerToken, inner, vocab, context },
    ...mlpWork(config),
    denseBytes: manifest.files[DENSE_FILE]?.bytes ?? 0,
    unitBytes: Math.max(...manifest.experts.flat().map(({ length }) => length)),
    positionBytes: blockBytes / blockSize,
  };
}

function mlpWork(config: ModelConfig): { mlpWork?: number } {
  const { hidden, layers, denseMlp, sharedExpert } = config;
  const routed = expertLayers(config).length;
  const inner = (layers - routed) * (denseMlp?.inner ?? 0) + routed * (sharedExpert?.inner ?? 0);
  return inner === 0 ? {} : { mlpWork: 3 * hidden * inner };
}
