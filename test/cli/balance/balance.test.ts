// How a text's rows are spread over experts: the counts against the float64 reference, the limit, and the verb itself.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { balanceOf, balanceRows, deviations } from '../../../cli/balance/balance.ts';
import { readLoad } from '../../../cli/balance/read-load.ts';
import { loadTokenizer } from '../../../gateway/api/text/tokenizer.ts';
import { openBundle } from '../../../model/bundle/bundle.ts';
import { weightsOfBundle } from '../../reference/bundle-weights.ts';
import { forward } from '../../reference/forward.ts';
import { nano } from '../../support/models/nano.ts';
import { tinyBundle, tinyFolder } from '../../support/models/tiny-bundle.ts';
import { startCli } from '../../support/process.ts';

const licence = join(import.meta.dirname, '..', '..', '..', 'LICENSE');

it('counts each token once for each of its experts, as the reference does', async () => {
  const dir = await tinyBundle({ layers: 2, experts: 4, k: 2, bits: 32, context: 16 });
  const text = 'Gulls sit on the roof – and wait.';
  const bundle = await openBundle(dir);
  const ids = (await loadTokenizer(dir)).encode(text);
  const weights = await weightsOfBundle(bundle);
  const expected = new Float64Array(8);
  // The context allows pieces of 15 tokens.
  for (let first = 0; first < ids.length; first += 15) {
    const { routing } = forward({ config: bundle.config, weights, ids: ids.slice(first, first + 15) });
    for (const [layer, choices] of routing.entries()) {
      for (const { experts } of choices) for (const expert of experts) expected[layer * 4 + expert]!++;
    }
  }
  await bundle.close();
  const progress: number[] = [];
  const load = await readLoad(dir, text, (done) => progress.push(done));
  expect(load).toEqual({ tokens: ids.length, experts: 4, totals: expected });
  expect(progress.at(-1)).toBe(ids.length);
});

it('refuses a text without tokens', async () => {
  const dir = await tinyBundle({ layers: 1, experts: 4, bits: 32, context: 16 });
  await expect(readLoad(dir, '', () => {})).rejects.toThrow('the text has no token');
});

describe('of two layers', () => {
  const layers = balanceOf(Float64Array.of(6, 2, 0, 0, 2, 2, 3, 1), 4);

  it('ratios are multiples of the even share', () => {
    expect(layers).toEqual([
      {
        layer: 0,
        rows: [6, 2, 0, 0],
        hottest: { expert: 0, ratio: 3 },
        coldest: { expert: 2, ratio: 0 },
        dead: [2, 3],
      },
      {
        layer: 1,
        rows: [2, 2, 3, 1],
        hottest: { expert: 2, ratio: 1.5 },
        coldest: { expert: 3, ratio: 0.5 },
        dead: [],
      },
    ]);
    expect(balanceRows(layers)).toEqual([
      ['0', '8', '3.00 x (expert 0)', '0.00 x (expert 2)', '2: 2, 3'],
      ['1', '8', '1.50 x (expert 2)', '0.50 x (expert 3)', '0'],
    ]);
  });

  it('a limit of X allows X times the even share and 1/X of it, and no more', () => {
    expect(deviations(layers.slice(1), 2)).toEqual([]);
    expect(deviations(layers.slice(1), 1.5)).toEqual([
      'layer 1: expert 3 has 0.50 x the even share, less than 1/1.5 x',
    ]);
    expect(deviations(layers, 2)).toEqual([
      'layer 0: expert 0 has 3.00 x the even share, more than 2 x',
      'layer 0: expert 2 has 0.00 x the even share, less than 1/2 x',
    ]);
  });

  it('many dead experts are counted, and the first are listed', () => {
    const [only] = balanceOf(
      Float64Array.from({ length: 12 }, (_, i) => (i === 0 ? 5 : 0)),
      12,
    );
    expect(balanceRows([only!])[0]?.[4]).toBe('11: 1, 2, 3, 4, 5, 6, 7, 8, …');
  });

  it('a layer without rows is even', () => {
    const [only] = balanceOf(new Float64Array(4), 4);
    expect(only).toMatchObject({ hottest: { ratio: 1 }, coldest: { ratio: 1 }, dead: [] });
  });
});

it('the verb draws the load of the embedded model, and fails above the limit', async () => {
  const run = startCli(['balance', '--model', nano, '--text', licence, '--max-deviation', '1']);
  expect(await run.exit).toEqual({ code: 1, signal: null });
  const bundle = await openBundle(nano);
  const { layers } = bundle.config;
  await bundle.close();
  const heading = /^(\d+) tokens, 96 experts in each of (\d+) layers\n/.exec(run.stdout);
  const tokens = Number(heading?.[1]);
  expect(tokens).toBeGreaterThan(100);
  expect(Number(heading?.[2])).toBe(layers);
  const table = run.stdout.match(/^\d+ +\d+ +[\d.]+ x \(expert \d+\) .*$/gm);
  expect(table?.map((line) => line.split(/ +/, 2))).toEqual(
    Array.from({ length: layers }, (_, layer) => [String(layer), String(tokens)]),
  );
  expect(run.stdout).toContain("1/8 to 8 times the layer's mean");
  expect(run.stderr).toMatch(/^layer 0: expert \d+ has [\d.]+ x the even share, more than 1 x$/m);
});

it('the verb prints JSON, and succeeds within the limit', async () => {
  // Every token goes to all experts.
  const model = await tinyBundle({ layers: 2, experts: 3, k: 3, bits: 4 });
  const text = join(await tinyFolder(), 'text');
  await writeFile(text, 'The captain slept.');
  const run = startCli(['balance', '--model', model, '--text', text, '--max-deviation', '1', '--json']);
  expect(await run.exit).toEqual({ code: 0, signal: null });
  const even = { expert: 0, ratio: 1 };
  expect(JSON.parse(run.stdout)).toEqual({
    ...{ tokens: 18, experts: 3, maxDeviation: 1, deviations: [] },
    layers: [0, 1].map((layer) => ({ layer, rows: [18, 18, 18], hottest: even, coldest: even, dead: [] })),
  });
});
