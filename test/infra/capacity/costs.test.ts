import { describe, expect, it } from 'vitest';
import { calibration } from '../../../infra/capacity/calibration.ts';
import { costsOf } from '../../../infra/capacity/costs.ts';
import { gatewayNeedsMiB, shardNeedsMiB } from '../../../infra/capacity/process-needs.ts';
import { expertBytes } from '../../../infra/capacity/shape.ts';
import { fixed, nano } from './fixed.ts';

const MIB = 2 ** 20;

describe('costs of a model', () => {
  it('are the measured ones for the model that was measured', () => {
    const { engine, api, shard, client, hopUs } = costsOf(fixed, nano);
    expect({ api, client, hopUs }).toEqual({ api: fixed.api, client: fixed.client, hopUs: fixed.hopUs });
    for (const [name, us] of Object.entries(fixed.engine))
      expect(engine).toHaveProperty(name, expect.closeTo(us));
    for (const [name, us] of Object.entries(fixed.shard))
      expect(shard).toHaveProperty(name, expect.closeTo(us));
  });

  it('grow by the bytes that a step reads and by the multiply-adds of a row', () => {
    const before = costsOf(fixed, nano);
    const heavier = costsOf(fixed, {
      ...nano,
      denseBytes: nano.denseBytes + 1e6,
      unitBytes: nano.unitBytes + 1e5,
    });
    expect(heavier.engine.stepUs - before.engine.stepUs).toBeCloseTo(1e6 / 10_000);
    expect(heavier.shard.expertUs - before.shard.expertUs).toBeCloseTo(1e5 / 10_000);
    const wider = costsOf(fixed, { ...nano, inner: 64 });
    expect(wider.shard.rowUs - before.shard.rowUs).toBeCloseTo((3 * 192 * 32) / 60_000);
  });

  it('grow with layers', () => {
    const expertsPerToken = new Array<number>(12).fill(1);
    const deeper = costsOf(fixed, { ...nano, layers: 12, expertsPerToken, denseBytes: 2 * nano.denseBytes });
    expect(deeper.engine.stepUs).toBeCloseTo(2 * 600);
    expect(deeper.engine.positionUs).toBeCloseTo(2 * 0.05);
    expect(deeper.shard).toEqual(costsOf(fixed, nano).shard);
  });

  it('are not negative if the measured model took less time than its bytes and multiply-adds would', () => {
    const cheap = { ...fixed, shard: { frameUs: 30, rowUs: 0, expertUs: 0 } };
    const { shard } = costsOf(cheap, { ...nano, unitBytes: 30_000 });
    expect(shard.expertUs).toBeCloseTo(3);
    expect(shard.rowUs).toBeGreaterThan(0);
  });
});

describe('the committed calibration', () => {
  it('has a cost for every part of a token, and names its machine', () => {
    expect(calibration.machine).not.toBe('');
    const { name, ...sizes } = calibration.model;
    expect(name).toBe('nano');
    expect(Object.keys(calibration.model)).toEqual(Object.keys(nano));
    expect(Math.min(...Object.values(sizes).flat())).toBeGreaterThan(0);
    const { engine, api, shard, kernels } = calibration;
    for (const us of [engine.stepUs, engine.rowUs, engine.promptRowUs, api.tokenUs, shard.frameUs]) {
      expect(us).toBeGreaterThan(0);
    }
    expect(Math.min(kernels.bytesPerUs, kernels.multiplyAddsPerUs)).toBeGreaterThan(0);
  });

  it('measured processes that fit in the memory that manifests give them', () => {
    const { memory, model } = calibration;
    expect(memory.shardMiB).toBeLessThan(shardNeedsMiB(expertBytes(model) / MIB));
    const none = { denseMiB: model.denseBytes / MIB, kvMiB: 0, answerMiB: 0 };
    expect(memory.gatewayMiB).toBeLessThan(gatewayNeedsMiB(none));
  });
});
