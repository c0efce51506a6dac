// The products of one row and of four rows read the same weights. Wrong prefetch hints would make the product of one row slow.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { median } from '../../bench/statistics.ts';
import { matrixBytes, quantize } from '../../model/tiles.ts';
import { draw, kernels } from './support.ts';

const WIDTH = 1536;
/** 200 matrices of 1.3 MB are 265 MB, more than any cache of the machines that this runs on. */
const MATRICES = 200;
const ROUNDS = 7;

const folder = mkdtempSync(join(tmpdir(), 'product-speed-'));
afterAll(() => rmSync(folder, { recursive: true }));

it('the product of one row takes at most 1.25 times as long as that of four rows, with weights from memory', () => {
  const file = join(folder, 'weights');
  const one = quantize(draw(1, WIDTH * WIDTH), WIDTH, WIDTH, 'q4').data;
  writeFileSync(file, Buffer.concat(new Array<Uint8Array>(MATRICES).fill(one)));
  const map = kernels.map(file);
  kernels.advise(map, 0, map.bytes, 'populate');
  const bytes = matrixBytes('q4', WIDTH, WIDTH);
  const weights = Array.from({ length: MATRICES }, (_, i) => kernels.matrix(map, i * bytes, WIDTH, WIDTH, 4));

  kernels.setThreads(1);
  const times = new Map<number, number[]>([1, 2, 4].map((rows) => [rows, []]));
  for (let round = 0; round <= ROUNDS; round++) {
    const order = round % 2 === 0 ? [...times] : [...times].reverse();
    for (const [rows, microseconds] of order) {
      const x = draw(round, rows * WIDTH);
      const y = new Float32Array(rows * WIDTH);
      const start = performance.now();
      for (const matrix of weights) kernels.product(x, rows, [matrix], [y]);
      // The first round warms up.
      if (round > 0) microseconds.push(((performance.now() - start) * 1000) / MATRICES);
    }
  }

  const of = (rows: number) => median(times.get(rows) ?? []) ?? Number.NaN;
  console.log(
    `measured: ${of(1).toFixed(1)}, ${of(2).toFixed(1)}, ${of(4).toFixed(1)} µs for 1, 2, 4 rows; one row takes ${(of(1) / of(4)).toFixed(2)}x of four`,
  );
  expect(of(1)).toBeLessThanOrEqual(1.25 * of(4));
});
