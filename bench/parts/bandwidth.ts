// Prints the bytes a second that all threads together read from memory: `node bench/parts/bandwidth.ts FILE THREADS`. The
// comparison runs it in a process of its own, so that no memory stays mapped. If the CPU kernels are not built, a slower
// reader in JavaScript is used, which does not reach the bandwidth of the machine.
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { kernels } from '../../kernels/kernels.ts';
import { median } from '../statistics.ts';

const PASSES = 7;
/** Memory that each worker reads in a pass, which is more than any cache holds. */
const WORKER_BYTES = 256 * 2 ** 20;

export interface Bandwidth {
  bytesPerSecond: number;
  reader: 'kernels' | 'javascript';
}

function sweepRate(file: string, threads: number): number {
  if (kernels === undefined) throw new Error('the CPU kernels are not built');
  const map = kernels.map(file);
  kernels.setThreads(threads);
  kernels.advise(map, 0, map.bytes, 'populate');
  const rates = Array.from({ length: PASSES }, () => {
    const start = performance.now();
    kernels?.sweep(map, 0, map.bytes);
    return map.bytes / ((performance.now() - start) / 1000);
  });
  return median(rates) ?? Number.NaN;
}

/** Each worker sums an array of its own. All workers start at the same time, when all are ready. */
async function workersRate(threads: number): Promise<number> {
  const shared = new SharedArrayBuffer(4);
  const workers = Array.from(
    { length: threads },
    () => new Worker(fileURLToPath(import.meta.url), { workerData: shared }),
  );
  await Promise.all(workers.map((worker) => once(worker, 'message')));
  const start = performance.now();
  const done = Promise.all(workers.map((worker) => once(worker, 'message')));
  Atomics.store(new Int32Array(shared), 0, 1);
  Atomics.notify(new Int32Array(shared), 0);
  await done;
  return (threads * PASSES * WORKER_BYTES) / ((performance.now() - start) / 1000);
}

/** The worker's part: the main thread sets `shared` to 1 to start all workers. */
function readHere(shared: SharedArrayBuffer): void {
  const values = new Float64Array(WORKER_BYTES / 8).fill(1);
  parentPort?.postMessage('ready');
  Atomics.wait(new Int32Array(shared), 0, 0);
  let total = 0;
  for (let pass = 0; pass < PASSES; pass++) {
    let [a, b, c, d] = [0, 0, 0, 0];
    for (let i = 0; i < values.length; i += 4) {
      a += values[i] ?? 0;
      b += values[i + 1] ?? 0;
      c += values[i + 2] ?? 0;
      d += values[i + 3] ?? 0;
    }
    total += a + b + c + d;
  }
  parentPort?.postMessage(total);
}

if (isMainThread) {
  const [file = '', threads = '2'] = process.argv.slice(2);
  const result: Bandwidth =
    kernels === undefined
      ? { reader: 'javascript', bytesPerSecond: await workersRate(Number(threads)) }
      : { reader: 'kernels', bytesPerSecond: sweepRate(file, Number(threads)) };
  console.log(JSON.stringify(result));
} else {
  readHere(workerData);
}
