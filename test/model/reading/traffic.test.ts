// Reading ahead does not pause if nothing runs, pauses most of the time while rows run, and all the time while a request waits.
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import { createTraffic, Reading, Serving } from '../../../model/reading/traffic.ts';

function timed(action: () => void): number {
  const startedAt = performance.now();
  action();
  return performance.now() - startedAt;
}

/** The shortest of five times, because other processes may take the processor during some of them. */
const shortest = (action: () => void) => Math.min(...Array.from({ length: 5 }, () => timed(action)));

it('reading ahead does not pause while nothing runs', () => {
  const reading = new Reading(createTraffic());
  expect(shortest(() => reading.giveWay(100))).toBeLessThan(50);
});

it('reading ahead pauses for seven times its working time while rows run, and for 50 ms after', async () => {
  const words = createTraffic();
  const reading = new Reading(words);
  new Serving(words).ran();
  expect(timed(() => reading.giveWay(10))).toBeGreaterThan(65);
  await delay(60);
  expect(shortest(() => reading.giveWay(10))).toBeLessThan(50);
});

it('reading ahead ends its pause when it is stopped', () => {
  const words = createTraffic();
  const serving = new Serving(words);
  const reading = new Reading(words);
  serving.ran();
  serving.stop();
  expect(timed(() => reading.giveWay(10_000))).toBeLessThan(60_000);
  expect(reading.stopped).toBe(true);
});

/** Starts a thread that calls `giveWay` once, reports when the call has returned, and ends. */
async function reader(words: Int32Array): Promise<{ passed: Promise<void>; hasPassed: () => boolean }> {
  const traffic = new URL('../../../model/reading/traffic.ts', import.meta.url).href;
  const script = `
    import { parentPort, workerData } from 'node:worker_threads';
    const { Reading } = await import(${JSON.stringify(traffic)});
    parentPort.postMessage('ready');
    new Reading(workerData).giveWay(0);
    parentPort.postMessage('passed');`;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(script)}`), {
    workerData: words,
  });
  let done = false;
  const { promise, resolve } = Promise.withResolvers<void>();
  await new Promise<void>((ready, fail) => {
    worker.on('error', fail);
    worker.on('message', (message) => {
      if (message === 'ready') return ready();
      done = true;
      resolve();
    });
  });
  return { passed: promise, hasPassed: () => done };
}

it('reading ahead pauses until a waiting request has read from the disk', async () => {
  const words = createTraffic();
  const serving = new Serving(words);
  serving.reads();
  serving.reads();
  const { passed, hasPassed } = await reader(words);
  serving.hasRead();
  await delay(300);
  expect(hasPassed()).toBe(false);
  serving.hasRead();
  await passed;
});

it('reading ahead stops even while a request waits', async () => {
  const words = createTraffic();
  const serving = new Serving(words);
  serving.reads();
  const { passed } = await reader(words);
  serving.stop();
  await passed;
});
