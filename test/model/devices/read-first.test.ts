// A device whose bundle is being read ahead: which runs wait for which experts, and the effect of damage.
import { expect, it } from 'vitest';
import type { ExpertMatrices } from '../../../kernels/kernels.ts';
import type { MappedExperts, Unit } from '../../../model/devices/expert.ts';
import { ReadFirst } from '../../../model/devices/read-first.ts';
import { createTraffic, Serving } from '../../../model/reading/traffic.ts';
import type { ExpertWeights } from '../../../model/tensor.ts';
import { createPlainExpertDevice } from '../../support/engines/plain-expert-device.ts';

const hidden = 8;
const units = Array.from({ length: 8 }, (_, i) => ({ layer: Math.floor(i / 4), expert: i % 4 }));
const nameOf = ({ layer, expert }: Unit) => `${layer}:${expert}`;
const matrix = { encoding: 'f32', rows: 0, cols: 0, data: new Uint8Array(0) } as const;
const weights: ExpertWeights = { gate: matrix, up: matrix, down: matrix };

async function readFirst({ resident = [] as string[], bad = '' } = {}) {
  const plain = createPlainExpertDevice({ hidden, inner: 5 });
  await plain.load(units);
  const mapped: string[] = [];
  const read: string[] = [];
  const damaged: string[] = [];
  const device: MappedExperts = Object.assign(plain, {
    mapIn: (unit: Unit) => void mapped.push(nameOf(unit)),
    isResident: (unit: Unit) => resident.includes(nameOf(unit)),
  });
  const sound = new Uint8Array(new SharedArrayBuffer(units.length));
  const words = createTraffic();
  const guarded = new ReadFirst({
    bundle: {
      config: { expertsPerToken: new Array<number>(2).fill(1), experts: 4 },
      async readExpert(unit) {
        read.push(nameOf(unit));
        if (nameOf(unit) === bad) throw new Error(`expert ${bad} is damaged`);
        return weights;
      },
    },
    device,
    units,
    sound,
    serving: new Serving(words),
    onDamaged: ({ message }) => damaged.push(message),
  });
  const row = Float32Array.from({ length: hidden }, (_, i) => i / hidden);
  const run = (layer: number, ...experts: number[]) =>
    guarded.run(layer, row, Uint16Array.from(experts.flatMap((expert) => [0, expert])));
  const plainly = (layer: number, ...experts: number[]) =>
    plain.run(layer, row, Uint16Array.from(experts.flatMap((expert) => [0, expert])));
  return { guarded, device, run, plainly, read, mapped, damaged, sound, words };
}

it('shows the matrices of its units once all of them are in memory', async () => {
  const matrices = {} as ExpertMatrices;
  const { guarded, device } = await readFirst({ resident: [] });
  device.matrices = () => matrices;
  for (let layer = 0; layer < 2; layer++) {
    for (let expert = 0; expert < 4; expert++) {
      expect(guarded.matrices({ layer: 0, expert: 0 })).toBeUndefined();
      guarded.mapIn({ layer, expert });
    }
  }
  expect(guarded.matrices({ layer: 0, expert: 0 })).toBe(matrices);
});

it('a run first reads each expert that is not in memory once, and gives the same rows', async () => {
  const { run, plainly, read, sound } = await readFirst({ resident: ['0:1'] });
  expect(await run(0, 2, 1, 2, 3)).toEqual(await plainly(0, 2, 1, 2, 3));
  expect(read).toEqual(['0:2', '0:3']);
  expect([...sound]).toEqual([0, 0, 1, 1, 0, 0, 0, 0]);
  await run(0, 1, 2, 3);
  expect(read).toHaveLength(2);
  await run(1, 2);
  expect(read).toEqual(['0:2', '0:3', '1:2']);
});

it('a run does not wait for experts that were read ahead', async () => {
  const { guarded, run, read, mapped } = await readFirst();
  for (const unit of units) guarded.mapIn(unit);
  await run(0, 0, 1, 2, 3);
  await run(1, 0, 1, 2, 3);
  expect(read).toEqual([]);
  expect(mapped).toEqual(units.map(nameOf));
});

it('reading ahead continues when a run has read its experts', async () => {
  const { run, words } = await readFirst();
  const waiting = run(0, 0, 1);
  const during = [...words];
  await waiting;
  const changed = during.filter((word, i) => word !== words[i]);
  expect(changed).toEqual([1]);
});

it('a damaged expert is reported, and the run that needs it fails', async () => {
  const { run, damaged, words } = await readFirst({ bad: '1:3' });
  await expect(run(1, 0, 3)).rejects.toThrow('expert 1:3 is damaged');
  expect(damaged).toEqual(['expert 1:3 is damaged']);
  expect([...words].at(-1)).toBe(0);
});
