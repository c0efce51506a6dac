// A window must cost what its positions cost, however long the context is: segments before it are not read.
import { expect, it } from 'vitest';
import { PAGE_POSITIONS } from '../../../kernels/kernels.ts';
import { draw, kernels } from '../support.ts';

const [HEADS, KV_HEADS, HEAD_DIM, LAYERS] = [16, 4, 96, 8];
const POSITIONS = 4096;
const WINDOW = 128;
const ROUNDS = 201;
/** So few that most rounds are over before the system gives the core to another process. */
const CALLS = 2 * LAYERS;
/** The second window lies in two segments, and times differ from run to run. All positions take 30 times as long. */
const MOST = 1.5;

it('one row with a window of 128 positions takes about as long at 4,096 positions as all of 128 do', () => {
  const count = POSITIONS / PAGE_POSITIONS;
  const cache = kernels.cache(count, LAYERS, KV_HEADS, HEAD_DIM);
  const pages = Int32Array.from({ length: count }, (_, i) => (i * 37) % count);
  const rows = (start: number, length: number) =>
    kernels.spans(cache, pages, Int32Array.of(0, count, start, length));
  const keys = draw(1, POSITIONS * KV_HEADS * HEAD_DIM);
  const q = draw(2, POSITIONS * HEADS * HEAD_DIM);
  const none = new Float32Array(0);
  kernels.setThreads(1);
  const all = rows(0, POSITIONS);
  for (let layer = 0; layer < LAYERS; layer++) {
    kernels.rotate(all, layer, q, keys, keys, none, none, HEADS, undefined, undefined, 0, 0);
  }

  const y = new Float32Array(HEADS * HEAD_DIM);
  const runs = [
    { spans: rows(WINDOW - 1, 1), options: undefined, times: [] as number[] },
    { spans: rows(POSITIONS - 1, 1), options: { window: WINDOW }, times: [] as number[] },
    { spans: rows(POSITIONS - 450, 1), options: { window: WINDOW }, times: [] as number[] },
  ];
  for (let round = 0; round <= ROUNDS; round++) {
    for (const { spans, options, times } of round % 2 === 0 ? runs : runs.toReversed()) {
      const start = performance.now();
      for (let call = 0; call < CALLS; call++) {
        kernels.attention(spans, call % LAYERS, q, HEADS, 0.1, y, options);
      }
      // The first round warms up.
      if (round > 0) times.push(((performance.now() - start) * 1000) / CALLS);
    }
  }
  const [short = Number.NaN, ...windows] = runs.map(({ times }) => Math.min(...times));
  console.log(`measured: ${[short, ...windows].map((time) => time.toFixed(1)).join(', ')} µs`);
  expect(windows).toHaveLength(2);
  for (const time of windows) expect(time).toBeLessThan(MOST * short);
});
