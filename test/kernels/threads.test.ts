import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import { draw, firstDifference, kernels, matrix } from './support.ts';

afterEach(() => kernels.setThreads(1));

const m = matrix(1, 200, 300, 4);

describe('the pool', () => {
  it('serves several JavaScript threads at once with the same bits, even if it is resized meanwhile', async () => {
    const x = draw(2, 20 * 300);
    const expected = new Float32Array(20 * 200);
    kernels.product(x, 20, [m.handle], [expected]);
    const file = new URL('./threads-worker.ts', import.meta.url);
    const workers = Array.from(
      { length: 3 },
      () => new Worker(file, { workerData: { rounds: 300, x, expected } }),
    );
    const answers = await Promise.all(workers.map(async (worker) => (await once(worker, 'message'))[0]));
    expect(answers).toEqual(['same', 'same', 'same']);
    await Promise.all(workers.map((worker) => worker.terminate()));
  });

  it('computes the same bits after its threads have gone to sleep', async () => {
    kernels.setThreads(3, 0);
    const x = draw(3, 300);
    const expected = new Float32Array(200);
    kernels.product(x, 1, [m.handle], [expected]);
    for (let round = 0; round < 20; round++) {
      await new Promise((resolve) => setTimeout(resolve, 2));
      const y = new Float32Array(200);
      kernels.product(x, 1, [m.handle], [y]);
      expect(firstDifference(y, expected)).toBeUndefined();
    }
  });

  it('computes the same bits while idle threads warm the caches, for matrices of any size and after they are replaced', () => {
    kernels.setThreads(3);
    const sizes = [16, 1000, 4000].map((rows) => matrix(rows, rows, 500, 4).handle);
    const x = draw(5, 300);
    const expected = new Float32Array(200);
    kernels.product(x, 1, [m.handle], [expected]);
    for (let round = 0; round < 300; round++) {
      if (round % 3 === 0) kernels.warm(sizes.slice(round % sizes.length), round % 2 === 0 ? x : undefined);
      const y = new Float32Array(200);
      kernels.product(x, 1, [m.handle], [y]);
      expect(firstDifference(y, expected)).toBeUndefined();
    }
  });

  it('computes on a SharedArrayBuffer', () => {
    const x = new Float32Array(new SharedArrayBuffer(4 * 300));
    x.set(draw(4, 300));
    const [a, b] = [new Float32Array(new SharedArrayBuffer(800)), new Float32Array(200)];
    kernels.product(x, 1, [m.handle], [a]);
    kernels.product(x.slice(), 1, [m.handle], [b]);
    expect(firstDifference(a, b)).toBeUndefined();
  });

  it.each(['worker ends', 'worker is terminated', 'process exits'])('ends without a crash if a %s', (way) => {
    // Only a worker loads the addon, because Node unmaps an addon when the last thread that loaded it ends.
    const script = `
      import { Worker, isMainThread } from 'node:worker_threads';
      const loaded = ${JSON.stringify(new URL('../../kernels/kernels.ts', import.meta.url).href)};
      if (isMainThread) {
        const worker = new Worker(process.argv[1]);
        worker.on('message', () => {
          if (process.argv[2] === 'worker is terminated') worker.terminate();
          if (process.argv[2] === 'process exits') process.exit(0);
        });
        await new Promise((resolve) => worker.on('exit', resolve));
        await new Promise((resolve) => setTimeout(resolve, 20));
      } else {
        const { kernels } = await import(loaded);
        const { parentPort } = await import('node:worker_threads');
        kernels.setThreads(3);
        const map = kernels.map(${JSON.stringify(process.execPath)});
        for (let i = 0; i < 20; i++) {
          kernels.sweep(map, 0, map.bytes);
          if (i === 3) parentPort.postMessage('running');
        }
      }`;
    const { status, stderr } = runScript(script, way);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });
});

function runScript(script: string, argument: string) {
  const folder = mkdtempSync(join(tmpdir(), 'expertgrid-pool-'));
  try {
    const file = join(folder, 'script.mjs');
    writeFileSync(file, script);
    return spawnSync(process.execPath, [file, argument], { encoding: 'utf8' });
  } finally {
    rmSync(folder, { recursive: true });
  }
}
