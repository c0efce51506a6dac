// Bits per byte of a text: the engine's scores against the float64 reference on the same bundle.
import { expect, it } from 'vitest';
import { errorRows, scoreLine } from '../../../cli/report/error-table.ts';
import { scoreText } from '../../../cli/report/score-text.ts';
import { MOST_TOKENS, piecesOf, windowsOf } from '../../../cli/report/windows.ts';
import { loadTokenizer } from '../../../gateway/api/text/tokenizer.ts';
import { openBundle } from '../../../model/bundle/bundle.ts';
import { weightsOfBundle } from '../../reference/bundle-weights.ts';
import { forward } from '../../reference/forward.ts';
import { tinyBundle } from '../../support/models/tiny-bundle.ts';

const text = 'Gulls sit on the roof – and wait.';

it('scores a text as the reference does', async () => {
  const dir = await tinyBundle({ layers: 1, experts: 4, bits: 32, context: 16 });
  const bundle = await openBundle(dir);
  const tokenizer = await loadTokenizer(dir);
  const ids = tokenizer.encode(text);
  const weights = await weightsOfBundle(bundle);
  const expected = { bits: 0, bytes: 0, tokens: 0 };
  // The context allows 16 tokens, so that a window predicts 15.
  for (let first = 0; first < ids.length - 1; first += 15) {
    const window = ids.slice(first, first + 16);
    const { logits } = forward({ config: bundle.config, weights, ids: window });
    for (let i = 1; i < window.length; i++) {
      const row = Array.from(logits[i - 1]!);
      const most = Math.max(...row);
      const sum = row.reduce((total, logit) => total + Math.exp(logit - most), 0);
      expected.bits += (most + Math.log(sum) - row[window[i]!]!) / Math.LN2;
      expected.bytes += tokenizer.bytes(window[i]!).length;
      expected.tokens++;
    }
  }
  await bundle.close();
  const score = await scoreText(dir, text);
  expect(score.tokens).toBe(expected.tokens);
  expect(score.bytes).toBe(expected.bytes);
  expect(score.bits / expected.bits).toBeCloseTo(1, 4);
});

it('refuses a text without a token to predict', async () => {
  const dir = await tinyBundle({ layers: 1, experts: 4, bits: 32, context: 16 });
  await expect(scoreText(dir, 'a')).rejects.toThrow('fewer than two tokens');
});

it('windows share one token, pieces share none, and both have as many tokens of a long text as the help says', () => {
  expect(windowsOf([1, 2, 3, 4, 5, 6], 2)).toEqual([
    [1, 2, 3],
    [3, 4, 5],
    [5, 6],
  ]);
  expect(windowsOf([1], 2)).toEqual([]);
  const ids = Array.from({ length: 2 * MOST_TOKENS }, (_, i) => i);
  for (const length of [15, 255, 512]) {
    const windows = windowsOf(ids, length);
    expect(windows.at(-1)?.at(-1)).toBe(MOST_TOKENS - 1);
    expect(Math.max(...windows.map((window) => window.length))).toBe(length + 1);
    expect(piecesOf(ids, length).flat()).toEqual(ids.slice(0, MOST_TOKENS));
  }
});

it('formats errors and scores', () => {
  const errors = [
    { kind: 'q', tensors: 2, values: 100, relative: 0.08123, worst: 0.4 },
    { kind: 'router', tensors: 2, values: 10, relative: 0, worst: 0 },
  ];
  expect(errorRows(errors)).toEqual([
    ['q', '2', '100', '8.12 %', '40.0 %'],
    ['router', '2', '10', '0', '0'],
  ]);
  expect(scoreLine({ bits: 150, bytes: 100, tokens: 30 }, '4 bits')).toBe(
    '4 bits: 1.5000 bits per byte (30 tokens, 100 bytes)',
  );
});
