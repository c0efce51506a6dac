// Speed of products by the bits of a weight: `node bench/kernels/bits.ts [--rows 1,8] [--passes 20]`. Multiplies 1,536 x 1,536
// weights of a mapped file that is larger than any cache, on one thread. Prints the median and the first decile of µs a product.
// The last line is JSON.
//
// The precisions are measured in turns, so that other processes disturb all of them alike. The first decile is little disturbed,
// because a product is much shorter than a time slice.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Kernels,
  kernels as loaded,
  missingReason,
  type QuantisedMatrix,
} from '../../kernels/kernels.ts';
import { matrixBytes } from '../../model/tiles.ts';
import { readFlags } from '../flags.ts';
import { percentile } from '../statistics.ts';

if (loaded === undefined) throw new Error(missingReason);
const kernels: Kernels = loaded;
const flags = readFlags({ rows: '1,8', passes: '20' });

const WIDTH = 1536;
const FILE_BYTES = 260_000_000;
const precisions = [4, 6, 8] as const;

function matricesIn(file: string, bits: (typeof precisions)[number]): QuantisedMatrix[] {
  const map = kernels.map(file);
  kernels.advise(map, 0, map.bytes, 'populate');
  const bytes = matrixBytes(`q${bits}`, WIDTH, WIDTH);
  return Array.from({ length: Math.floor(map.bytes / bytes) }, (_, i) =>
    kernels.matrix(map, i * bytes, WIDTH, WIDTH, bits),
  );
}

function bench(file: string): Record<string, number> {
  const matrices = new Map(precisions.map((bits) => [bits, matricesIn(file, bits)]));
  const results: Record<string, number> = {};
  for (const rows of flags.rows.split(',').map(Number)) {
    const x = new Float32Array(rows * WIDTH).fill(0.5);
    const y = new Float32Array(rows * WIDTH);
    const times = new Map(precisions.map((bits) => [bits, [] as number[]]));
    for (let pass = 0; pass < Number(flags.passes); pass++) {
      for (const [bits, list] of matrices) {
        for (const matrix of list) {
          const start = performance.now();
          kernels.product(x, rows, [matrix], [y]);
          times.get(bits)?.push((performance.now() - start) * 1000);
        }
      }
    }
    for (const [bits, microseconds] of times) {
      const [low, half] = [0.1, 0.5].map((share) => percentile(microseconds, share));
      const speed = (matrixBytes(`q${bits}`, WIDTH, WIDTH) / low! / 1000).toFixed(1);
      console.log(
        `${bits} bits, ${rows} rows: median ${half!.toFixed(1)} µs, first decile ${low!.toFixed(1)} µs (${speed} GB/s)`,
      );
      results[`${bits} bits ${rows} rows us`] = Number(low!.toFixed(1));
    }
  }
  return results;
}

const folder = mkdtempSync(join(tmpdir(), 'expertgrid-bits-'));
try {
  const file = join(folder, 'weights');
  // The speed does not depend on the values of the weights.
  writeFileSync(file, Buffer.alloc(FILE_BYTES, 1));
  kernels.setThreads(1);
  const results = bench(file);
  console.log(JSON.stringify({ path: kernels.path(), ...results }));
} finally {
  rmSync(folder, { recursive: true });
}
