// The heat that the engine counts in its steps, in the same thread and across a message port.
import { MessageChannel } from 'node:worker_threads';
import { expect, onTestFinished, test } from 'vitest';
import { connectEngine } from '../../../gateway/engine/port/connect-engine.ts';
import { serveEngine } from '../../../gateway/engine/port/serve-engine.ts';
import { collect, countingRequest, startCountingEngine } from '../../support/engines/counting-engine.ts';

const forever = () => new AbortController().signal;

async function open(options: Parameters<typeof startCountingEngine>[0] = {}) {
  const started = await startCountingEngine(options);
  onTestFinished(() => started.close());
  return started.engine;
}

/** The rows of one layer, which has six experts. */
function rowsOf(totals: Float64Array, layer: number): number {
  return totals.subarray(6 * layer, 6 * layer + 6).reduce((sum, rows) => sum + rows, 0);
}

test.each([1, 2])('every row is counted once in each layer, with %d micro-batches', async (microBatches) => {
  const engine = await open({ microBatches });
  await Promise.all(
    Array.from({ length: 4 }, () => collect(engine.generate(countingRequest({ maxTokens: 5 }), forever()))),
  );
  const { counters } = await engine.status();
  const { layers, experts, totals, counts, successors } = await engine.heat({ successors: true });
  expect({ layers, experts }).toEqual({ layers: 2, experts: 6 });
  expect([rowsOf(totals, 0), rowsOf(totals, 1)]).toEqual([counters.step_rows, counters.step_rows]);
  const followed = successors!.flat(2).reduce((sum, [, rows]) => sum + rows, 0);
  expect(followed).toBeCloseTo(rowsOf(counts, 0), 0);
});

test('rows of a sequence that failed at a layer are not counted at the next layer', async () => {
  const engine = await open({
    callDeadlineMs: 200,
    before: async (layer) => {
      if (layer === 0) throw new Error('broken');
    },
  });
  const { last } = await collect(engine.generate(countingRequest(), forever()));
  expect(last.type).toBe('error');
  const { totals } = await engine.heat();
  expect(rowsOf(totals, 0)).toBeGreaterThan(0);
  expect(rowsOf(totals, 1)).toBe(0);
});

test('the half-life is the configured one', async () => {
  const engine = await open({ heatHalfLifeSeconds: 30 });
  expect((await engine.heat()).halfLifeSeconds).toBe(30);
});

test('an engine behind a message port gives the same report, and rejects when the engine has failed', async () => {
  const engine = await open();
  await collect(engine.generate(countingRequest(), forever()));
  const { port1, port2 } = new MessageChannel();
  const lost = Promise.withResolvers<Error>();
  void serveEngine(port2, engine);
  const client = await connectEngine(port1, lost.promise);
  onTestFinished(() => port1.close());
  const [near, far] = [await engine.heat(), await client.heat()];
  expect(far.totals).toEqual(near.totals);
  expect(far.successors).toBeUndefined();
  expect((await client.heat({ successors: true })).successors).toHaveLength(1);
  lost.resolve(new Error('gone'));
  await lost.promise;
  await expect(client.heat()).rejects.toThrow('gone');
});
