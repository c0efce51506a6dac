// What a shard does when it is told to misbehave. Its service is the real one. Its device answers every row with ones.
import { describe, expect, it } from 'vitest';
import { type Behaviour, flipBit, Misbehaviour } from '../../bench/chaos/misbehaviour.ts';
import { ShardService } from '../../experts/service.ts';
import { parseRunAnswer, runRequestToParams } from '../../experts/wire/run.ts';
import type { ExpertDevice } from '../../model/devices/expert.ts';

const model = {
  identity: 'sha256:x',
  content: 'sha256:y',
  bits: 16,
  group: 0,
  layers: 1,
  experts: 2,
  hidden: 4,
};
const ones: ExpertDevice = {
  numericsClass: 'ones',
  async load() {},
  async unload() {},
  run: async (_layer, _x, asks) => new Float32Array((asks.length / 2) * model.hidden).fill(1),
  async dispose() {},
};

/** A shard with this behaviour. `call` sends it one row for two experts and resolves to its answer, `[2, hidden]`. */
function shard(behaviour: Behaviour) {
  const misbehaviour = new Misbehaviour();
  const service = new ShardService({
    models: [
      {
        device: misbehaviour.device(ones),
        model,
        units: [0, 1].map((expert) => ({ layer: 0, expert })),
      },
    ],
    version: 'test',
  });
  const run = misbehaviour.handlers(service.handlers)['expert.run'];
  misbehaviour.set(behaviour);
  const call = async () => {
    const rows = new Float32Array(model.hidden);
    const request = { model: model.identity, layer: 0, priority: 0, trace: '', epoch: 0 } as const;
    const params = runRequestToParams({ ...request, rows, asks: Uint16Array.of(0, 0, 0, 1) });
    const context = {
      aborted: false,
      deadlineAt: Number.POSITIVE_INFINITY,
      signal: new AbortController().signal,
    };
    if (run === undefined) throw new Error('no expert.run');
    return parseRunAnswer(await run(params, context), 2, model.hidden).rows;
  };
  return { misbehaviour, call };
}

describe('a shard that misbehaves', () => {
  it('answers correctly while healthy, and counts its calls', async () => {
    const { call, misbehaviour } = shard({ mode: 'healthy' });
    expect(Array.from(await call())).toEqual(Array(8).fill(1));
    expect(misbehaviour.counts).toEqual({ calls: 1, wrong: 0 });
  });

  it('flips one bit of one finite value in every answer, the same bits for the same seed', async () => {
    const { call, misbehaviour } = shard({ mode: 'flip', seed: 3, bits: 23 });
    const answers = [await call(), await call(), await call()];
    for (const rows of answers) {
      expect(rows.every(Number.isFinite)).toBe(true);
      expect(rows.filter((value) => value !== 1)).toHaveLength(1);
    }
    expect(misbehaviour.counts).toMatchObject({ calls: 3, wrong: 3 });
    expect(await shard({ mode: 'flip', seed: 3, bits: 23 }).call()).toEqual(answers[0]);
  });

  it('sends NaN that it writes into an answer after its own checks, but notices NaN from its device', async () => {
    const onWire = await shard({ mode: 'nan', where: 'wire' }).call();
    expect(Array.from(onWire).filter(Number.isNaN)).toHaveLength(1);
    await expect(shard({ mode: 'nan', where: 'device' }).call()).rejects.toMatchObject({ code: 'internal' });
  });

  it('answers `busy` and says when to retry', async () => {
    await expect(shard({ mode: 'busy' }).call()).rejects.toMatchObject({ code: 'busy', retryAfterMs: 100 });
  });

  it('delays the given share of its answers', async () => {
    const { call, misbehaviour } = shard({ mode: 'hiccup', share: 0.5, delayMs: 20, seed: 1 });
    const times: number[] = [];
    for (let i = 0; i < 12; i++) {
      const from = performance.now();
      await call();
      times.push(performance.now() - from);
    }
    expect(misbehaviour.counts.wrong).toBeGreaterThan(0);
    expect(times.filter((ms) => ms >= 19)).toHaveLength(misbehaviour.counts.wrong);
  });

  it('is healthy again after its behaviour is set to healthy', async () => {
    const { call, misbehaviour } = shard({ mode: 'busy' });
    misbehaviour.set({ mode: 'healthy' });
    expect(Array.from(await call())).toEqual(Array(8).fill(1));
  });
});

it('flipping a bit of the mantissa keeps a value finite, and flipping the bit again restores the value', () => {
  const values = Float32Array.of(3, -0.1, 0);
  flipBit(values, 1, 22);
  expect(Number.isFinite(values[1])).toBe(true);
  expect(values[1]).not.toBe(Math.fround(-0.1));
  flipBit(values, 1, 22);
  expect(values).toEqual(Float32Array.of(3, -0.1, 0));
});
