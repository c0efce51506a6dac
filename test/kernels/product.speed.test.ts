// The products of one row and of four rows read the same weights, so fewer rows must not take longer. With a wrong prefetch hint,
// the product of one row would.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { median } from '../../bench/statistics.ts';
import type { QuantisedMatrix } from '../../kernels/kernels.ts';
import { matrixBytes, quantize } from '../../model/tiles.ts';
import { draw, kernels } from './support.ts';

const WIDTH = 1536;
/** 265 MB of weights, more than any cache of the machines that this runs on. */
const BYTES = 200 * matrixBytes('q4', WIDTH, WIDTH);
const ROUNDS = 9;
/** Times of the same product differ by up to a tenth from run to run. */
const MOST = 1.1;

const folder = mkdtempSync(join(tmpdir(), 'product-speed-'));
afterAll(() => rmSync(folder, { recursive: true }));

it.each([4, 6, 8] as const)(
  'the product of one row takes no longer than that of four rows, with weights from memory (%i bits)',
  (bits) => {
    const times = new Map<number, number[]>([1, 2, 4].map((rows) => [rows, []]));
    const weights = mapWeights(bits);
    kernels.setThreads(1);
    for (let round = 0; round <= ROUNDS; round++) {
      const order = round % 2 === 0 ? [...times] : [...times].reverse();
      for (const [rows, microseconds] of order) {
        const x = draw(round, rows * WIDTH);
        const y = new Float32Array(rows * WIDTH);
        const start = performance.now();
        for (const matrix of weights) kernels.product(x, rows, [matrix], [y]);
        // The first round warms up.
        if (round > 0) microseconds.push(((performance.now() - start) * 1000) / weights.length);
      }
    }

    const of = (rows: number) => median(times.get(rows) ?? []) ?? Number.NaN;
    console.log(
      `measured at ${bits} bits: ${of(1).toFixed(1)}, ${of(2).toFixed(1)}, ${of(4).toFixed(1)} µs for 1, 2, 4 rows; one row takes ${(of(1) / of(4)).toFixed(2)}x of four`,
    );
    expect(of(1)).toBeLessThanOrEqual(MOST * of(4));
  },
);

/** Matrices [WIDTH, WIDTH] in a mapped file. The values of weights do not change the speed. */
function mapWeights(bits: 4 | 6 | 8): QuantisedMatrix[] {
  const { data } = quantize(draw(1, WIDTH * WIDTH), WIDTH, WIDTH, `q${bits}` as const);
  const count = Math.floor(BYTES / data.length);
  const file = join(folder, `weights-${bits}`);
  writeFileSync(file, Buffer.concat(new Array<Uint8Array>(count).fill(data)));
  const map = kernels.map(file);
  kernels.advise(map, 0, map.bytes, 'populate');
  return Array.from({ length: count }, (_, i) => kernels.matrix(map, i * data.length, WIDTH, WIDTH, bits));
}
