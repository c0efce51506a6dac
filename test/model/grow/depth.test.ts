// Growth in depth: the order of layers, and configurations and tensors of all layouts.
import { describe, expect, it } from 'vitest';
import { openCheckpoint } from '../../../model/convert/checkpoint.ts';
import { planConversion } from '../../../model/convert/convert.ts';
import { grow } from '../../../model/grow/grow.ts';
import { layerOrder } from '../../../model/grow/layer-order.ts';
import { caseNames } from '../../oracle/rebuild.ts';
import { readJson, refusedByAll, tensorBytesOf, writeCase } from './support.ts';

it('each layer is followed by its copy, except at the ends', () => {
  expect(layerOrder(5, 0)).toEqual([0, 0, 1, 1, 2, 2, 3, 3, 4, 4]);
  expect(layerOrder(5, 1)).toEqual([0, 1, 1, 2, 2, 3, 3, 4]);
  expect(layerOrder(5, 2)).toEqual([0, 1, 2, 2, 3, 4]);
  expect(layerOrder(5, 3)).toBeUndefined();
  expect(layerOrder(4, 2)).toBeUndefined();
});

/** Cases that are computed and cannot be grown. */
const refused: Readonly<Record<string, string>> = {
  // Its dense layers are every second one, which is no longer so.
  'ernie4_5_moe-2': 'the layout ernie4_5_moe cannot express the grown model',
  'gpt_oss_mxfp4-1': 'quantised weights cannot be grown',
  'gpt_oss_mxfp4-2': 'quantised weights cannot be grown',
  'llama4-1': 'field text_config: a model with several parts cannot be grown',
};
const unused = [...refusedByAll, ...Object.keys(refused)];
const names = (await caseNames()).filter((name) => !unused.includes(name));

describe('layer i of the grown model is layer order[i] of the source', () => {
  it.each(names)('%s', async (name) => {
    const from = await writeCase(name);
    const to = `${from}-grown`;
    const { config: source } = await openCheckpoint(from);
    const keepEnds = source.layers > 2 ? 1 : 0;
    const { config } = await grow({ from, to, growth: { kind: 'depth', keepEnds } });
    const order = layerOrder(source.layers, keepEnds)!;
    expect(config.layers).toBe(order.length);
    // `planConversion` checks that the tensors are exactly those of the new config.json.
    expect((await planConversion({ from: to, bits: 32 })).config).toEqual(config);
    const { windows, chunks, unrotated } = source.attention ?? {};
    for (const [list, grown] of [
      [windows, config.attention?.windows],
      [chunks, config.attention?.chunks],
      [unrotated, config.attention?.unrotated],
    ] as const)
      expect(grown).toEqual(list && order.map((layer) => list[layer]));
    expect(config.denseMlp?.layers.map((layer) => order[layer])).toEqual(
      source.denseMlp && order.filter((layer) => source.denseMlp?.layers.includes(layer)),
    );
    const [before, after] = [await tensorBytesOf(from), await tensorBytesOf(to)];
    for (const [tensor, bytes] of after) {
      const original = tensor.replace(/\blayers\.(\d+)\./, (_, layer) => `layers.${order[Number(layer)]}.`);
      expect(before.get(original)?.equals(bytes)).toBe(true);
    }
  });
});

it('what a layer’s number decides becomes a list', async () => {
  const from = await writeCase('gpt_oss-2');
  await grow({ from, to: `${from}-grown`, growth: { kind: 'depth', keepEnds: 1 } });
  const { layer_types: before } = await readJson(from);
  const { layer_types: after, num_hidden_layers: layers } = await readJson(`${from}-grown`);
  expect(layers).toBe(8);
  expect(after).toEqual([0, 1, 1, 2, 2, 3, 3, 4].map((layer) => (before as string[])[layer]));
});

it.each(Object.entries(refused))('%s is refused: %s', async (name, message) => {
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
