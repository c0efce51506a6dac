// Golden checks of a shard: the sample before it serves, the rounds while it serves, and the description of a fault.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { checkInRounds, findFault, sampleUnits } from '../../experts/golden-checks.ts';
import { goldenDigest } from '../../model/bundle/golden.ts';
import type { Goldens } from '../../model/bundle/goldens.ts';
import type { ExpertDevice, Unit } from '../../model/devices/expert.ts';
import { createPlainExpertDevice } from '../support/engines/plain-expert-device.ts';
import { eventually } from '../support/process.ts';
import { allUnits, model } from './shard.ts';

const shape = { hidden: model.hidden, inner: 5 };

async function soundDevice(): Promise<ExpertDevice> {
  const device = createPlainExpertDevice(shape);
  await device.load(allUnits());
  return device;
}

/** Golden rows of the plain device. The golden answer of the unit `wrong` is the answer of another expert. */
async function goldensBut(wrong?: Unit): Promise<Goldens> {
  const device = await soundDevice();
  const input = (layer: number) => Float32Array.from({ length: model.hidden }, (_, i) => Math.sin(i + layer));
  return {
    numericsClass: device.numericsClass,
    input,
    async answer(layer, expert) {
      const taken = layer === wrong?.layer && expert === wrong.expert ? (expert + 1) % model.experts : expert;
      const row = await device.run(layer, input(layer), Uint16Array.of(0, taken));
      return { row, digest: goldenDigest(row) };
    },
  };
}

test('findFault returns undefined if the device gives every golden answer', async () => {
  const checked = { device: await soundDevice(), goldens: await goldensBut(), bits: 32 } as const;
  expect(await findFault(checked, allUnits())).toBeUndefined();
});

test('findFault names the first expert with a wrong answer, in the same and in another numerics class', async () => {
  const goldens = await goldensBut({ layer: 1, expert: 4 });
  for (const numericsClass of ['plain-f32', 'other']) {
    const device = createPlainExpertDevice({ ...shape, numericsClass });
    await device.load(allUnits());
    const fault = await findFault({ device, goldens, bits: 32 }, allUnits());
    expect(fault).toMatch(/^expert 4 of layer 1 does not give its golden answer: it/);
  }
});

test('a sample has at most `perLayer` different held units of every layer', () => {
  const units = fc.uniqueArray(fc.record({ layer: fc.nat(5), expert: fc.nat(95) }), {
    selector: ({ layer, expert }) => 96 * layer + expert,
    maxLength: 80,
  });
  fc.assert(
    fc.property(units, fc.integer({ min: 1, max: 4 }), (held, perLayer) => {
      const sample = sampleUnits(held, perLayer);
      expect(new Set(sample).size).toBe(sample.length);
      for (const [layer, ofLayer] of Map.groupBy(held, (unit) => unit.layer)) {
        const sampled = sample.filter((unit) => unit.layer === layer);
        expect(sampled).toHaveLength(Math.min(perLayer, ofLayer.length));
        expect(ofLayer).toEqual(expect.arrayContaining(sampled));
      }
    }),
    { seed: 2 },
  );
});

test('rounds check one unit after another, start again at the end, and stop at a wrong unit', async () => {
  const device = createPlainExpertDevice(shape);
  await device.load(allUnits());
  const faults: string[] = [];
  const onFault = (fault: string) => faults.push(fault);
  const options = { device, bits: 32, units: allUnits, everyMs: 1, onFault } as const;
  const rounds = checkInRounds({ ...options, goldens: await goldensBut() });
  await eventually(() => device.runs.length > 2 * allUnits().length);
  await rounds.stop();
  expect(device.runs.every(({ experts }) => experts.length === 1)).toBe(true);
  const asked = device.runs.map(({ layer, experts }) => ({ layer, expert: experts[0]! }));
  expect(asked.slice(0, 24)).toEqual([...allUnits(), ...allUnits()]);
  expect(faults).toEqual([]);
  const stopped = device.runs.length;

  checkInRounds({ ...options, goldens: await goldensBut({ layer: 0, expert: 2 }) });
  await eventually(() => faults.length > 0);
  expect(faults[0]).toContain('expert 2 of layer 0');
  expect(device.runs.length).toBe(stopped + 3);
});

test('rounds report a fault if every run of the device fails', async () => {
  const device = createPlainExpertDevice(shape); // every run fails, because no unit is loaded
  const faults: string[] = [];
  const goldens = await goldensBut();
  const onFault = (fault: string) => faults.push(fault);
  checkInRounds({ device, goldens, bits: 32, units: allUnits, everyMs: 1, onFault });
  await eventually(() => faults.length > 0);
  expect(faults).toEqual([expect.stringMatching(/^Error: expert \d of layer \d is not loaded$/)]);
});
