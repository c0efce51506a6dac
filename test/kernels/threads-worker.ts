// Multiplies the same rows repeatedly while other threads compute, and reports whether any bit differs.
import { parentPort, workerData } from 'node:worker_threads';
import { firstDifference, kernels, matrix } from './support.ts';

const { rounds, x, expected }: { rounds: number; x: Float32Array; expected: Float32Array } = workerData;
const m = matrix(1, 200, 300, 4);
let difference: string | undefined;
for (let round = 0; round < rounds && difference === undefined; round++) {
  const y = new Float32Array(expected.length);
  if (round % 50 === 0) kernels.setThreads(1 + (round % 4));
  kernels.product(x, x.length / 300, [m.handle], [y]);
  difference = firstDifference(y, expected);
}
parentPort?.postMessage(difference ?? 'same');
