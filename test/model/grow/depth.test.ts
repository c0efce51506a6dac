// Growth in depth: the order of layers, configurations and tensors. The slow suite does the same for all layouts.
import { describe, expect, it } from 'vitest';
import { grow } from '../../../model/grow/grow.ts';
import { layerOrder } from '../../../model/grow/layer-order.ts';
import { checkDepth, readJson, refusedDepth, writeCase } from './support.ts';

it('each layer is followed by its copy, except at the ends', () => {
  expect(layerOrder(5, 0)).toEqual([0, 0, 1, 1, 2, 2, 3, 3, 4, 4]);
  expect(layerOrder(5, 1)).toEqual([0, 1, 1, 2, 2, 3, 3, 4]);
  expect(layerOrder(5, 2)).toEqual([0, 1, 2, 2, 3, 4]);
  expect(layerOrder(5, 3)).toBeUndefined();
  expect(layerOrder(4, 2)).toBeUndefined();
});

describe('layer i of the grown model is layer order[i] of the source', () => {
  it.each([
    ['dense first layers and windows', 'dots1-3'],
    ['dense layers by number', 'qwen2_moe-1'],
    ['a range of layers with experts', 'ernie4_5_moe-1'],
    ['windows by number', 'gpt_oss-3'],
    ['chunks and unrotated layers by number', 'llama4_text-2'],
    ['a list of k', 'sigma-4'],
  ])('%s: %s', (_, name) => checkDepth(name));
});

it('what a layer’s number decides becomes a list', async () => {
  const from = await writeCase('gpt_oss-2');
  await grow({ from, to: `${from}-grown`, growth: { kind: 'depth', keepEnds: 1 } });
  const { layer_types: before } = await readJson(from);
  const { layer_types: after, num_hidden_layers: layers } = await readJson(`${from}-grown`);
  expect(layers).toBe(8);
  expect(after).toEqual([0, 1, 1, 2, 2, 3, 3, 4].map((layer) => (before as string[])[layer]));
});

it.each(Object.entries(refusedDepth))('%s is refused: %s', async (name, message) => {
  const from = await writeCase(name);
  const growth = { kind: 'depth', keepEnds: 1 } as const;
  await expect(grow({ from, to: `${from}-grown`, growth })).rejects.toThrow(message);
});

it('refuses to keep all layers single', async () => {
  const from = await writeCase('mixtral-3');
  const growth = { kind: 'depth', keepEnds: 1 } as const;
  await expect(grow({ from, to: `${from}-grown`, growth })).rejects.toThrow(
    'none of the 2 layers is copied if 1 stay single',
  );
});
