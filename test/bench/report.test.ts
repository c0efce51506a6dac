import { describe, expect, it } from 'vitest';
import { lineOf, tableOf } from '../../bench/comparison/report.ts';
import { figuresOf, rowsNamed } from '../../bench/comparison/rows.ts';
import { Samples } from '../../bench/comparison/samples.ts';

const shape = {
  hidden: 64,
  layers: 2,
  heads: 4,
  kvHeads: 2,
  headDim: 16,
  experts: 8,
  expertsPerToken: [1, 1],
  inner: 32,
  vocab: 256,
};
const facts = { shape, bandwidth: 1e9, bundleBytes: 1000, judged: true };

function lineNamed(name: string, samples: Samples, changes: Partial<typeof facts> = {}) {
  const [row] = rowsNamed(name);
  if (!row) throw new Error(name);
  return lineOf(row, samples, { ...facts, ...changes });
}

describe('a line', () => {
  it('compares the ratio of medians with its target', () => {
    const samples = new Samples();
    for (const value of [100, 30, 31]) samples.add('local', 'decode-16', value);
    for (const value of [18, 1, 19]) samples.add('peer', 'decode-16', value);
    expect(lineNamed('decode-16', samples)).toMatchObject({ ours: 31, peer: 18, ratio: 31 / 18, met: true });
    samples.add('peer', 'decode-16', 22);
    samples.add('peer', 'decode-16', 22);
    expect(lineNamed('decode-16', samples)).toMatchObject({ peer: 19, met: false });
  });

  it('compares four shards with one process, and sampled with greedy decoding', () => {
    const samples = new Samples();
    samples.add('local', 'decode-16', 100);
    samples.add('sharded', 'decode-16', 80);
    samples.add('local', 'decode-sampled', 95);
    expect(lineNamed('shards-1', samples)).toMatchObject({
      share: 0.8,
      note: '0.80x of in process',
      target: '>= 0.75x of in process',
      met: true,
    });
    expect(lineNamed('sampled', samples)).toMatchObject({ share: 0.95, met: true });
  });

  it('is judged by an upper limit if less is better', () => {
    const samples = new Samples();
    samples.add('local', 'memory', 1101);
    samples.add('local', 'start-warm', 2.9);
    expect(lineNamed('memory', samples).met).toBe(false);
    expect(lineNamed('memory', samples, { bundleBytes: 1001 }).met).toBe(true);
    expect(lineNamed('start-warm', samples).met).toBe(true);
  });

  it('says why a figure is missing, and then judges no target', () => {
    const samples = new Samples();
    samples.fail('peer', 'decode-16', 'out of memory');
    const line = lineNamed('decode-16', samples);
    expect(line).toMatchObject({ ours: undefined, note: 'failed: out of memory' });
    expect(line.met).toBeUndefined();
    expect(tableOf([line])).toContain('| -    | -    |');
  });

  it('has no target if the targets do not apply to the run', () => {
    const samples = new Samples();
    samples.add('local', 'start-warm', 2.9);
    expect(lineNamed('start-warm', samples, { judged: false })).toMatchObject({
      target: undefined,
      met: undefined,
    });
  });

  it('computes the share of the floor (the speed limit by memory bandwidth) from a rate', () => {
    const samples = new Samples();
    samples.add('local', 'decode-16', 1000);
    samples.add('local', 'decode-8-streams', 4000);
    const one = lineNamed('floor-1', samples);
    expect(one.ours).toBeCloseTo(lineNamed('decode-16', samples).floorShare ?? Number.NaN);
    // Twice the bandwidth halves the share.
    expect(lineNamed('floor-1', samples, { bandwidth: 2e9 }).ours).toBeCloseTo((one.ours ?? 0) / 2);
  });
});

describe('rows', () => {
  it('request of each subject only the figures that they need', () => {
    const wanted = rowsNamed('shards-8,floor-1');
    expect([...figuresOf(wanted, 'sharded')]).toEqual(['decode-8-streams']);
    expect([...figuresOf(wanted, 'local')].sort()).toEqual(['decode-16', 'decode-8-streams']);
    expect([...figuresOf(wanted, 'peer')].sort()).toEqual(['decode-16', 'decode-8-streams']);
  });

  it('are refused if no row has the name', () => {
    expect(() => rowsNamed('decode-17')).toThrow('--only: no row decode-17');
  });
});
