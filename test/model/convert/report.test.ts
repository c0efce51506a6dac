// The errors that `convert` measures are those between the checkpoint's weights and the bundle's.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openBundle } from '../../../model/bundle/bundle.ts';
import { convert } from '../../../model/convert/convert.ts';
import { addStrip, kindOf, mergeErrors, noErrors } from '../../../model/convert/report/errors.ts';
import type { Bits } from '../../../model/tiles.ts';
import { dequantize } from '../../../model/tiles.ts';
import { type Checkpoint, writeCheckpoint } from '../../support/models/checkpoint.ts';

let dir: string;
let checkpoint: Checkpoint;
let count = 0;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'convert-report-'));
  checkpoint = await writeCheckpoint(join(dir, 'from'), { layers: 2, experts: 3, vocab: 40 });
});
afterAll(() => rm(dir, { recursive: true }));
const fresh = () => join(dir, `bundle-${count++}`);

const measure = (bits: Bits, more: object = {}) =>
  convert({ from: checkpoint.dir, to: fresh(), bits, measured: true, ...more });

/** The errors of tensors whose weights are given in the source and as stored, in the most obvious way. */
function obvious(pairs: readonly [source: Float32Array, stored: Float32Array][]) {
  const rms = (values: readonly number[]) =>
    Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0) / values.length);
  const errors = pairs.map(([source, stored]) => Array.from(source, (value, i) => stored[i]! - value));
  const worst = pairs.map(([source], i) => Math.max(...errors[i]!.map(Math.abs)) / rms([...source]));
  return {
    relative: rms(errors.flat()) / rms(pairs.flatMap(([source]) => [...source])),
    worst: Math.max(...worst),
  };
}

it('measures each kind of tensor, whatever the order of the tasks', async () => {
  const { errors = [], dir: to } = await measure(4);
  const bundle = await openBundle(to);
  const weightOf = (name: string): Float32Array => checkpoint.tensors.get(name)!.data;
  const pairs = async (names: readonly string[]) =>
    Promise.all(
      names.map(async (name): Promise<[Float32Array, Float32Array]> => {
        const unit = /layers\.(\d+)\.mlp\.experts\.(\d+)\.up_proj/.exec(name);
        if (unit === null) return [weightOf(name), dequantize(await bundle.readMatrix(name))];
        const { up } = await bundle.readExpert({ layer: Number(unit[1]), expert: Number(unit[2]) });
        return [weightOf(name), dequantize(up)];
      }),
    );
  const names = [...checkpoint.tensors.keys()];
  for (const [kind, pattern, tensors] of [
    ['k', /k_proj/, 2],
    ['expert up', /up_proj/, 6],
    ['head', /lm_head/, 1],
  ] as const) {
    const found = errors.find((each) => each.kind === kind);
    const own = names.filter((name) => pattern.test(name));
    const expected = obvious(await pairs(own));
    expect(found?.tensors, kind).toBe(tensors);
    expect(found?.relative, kind).toBeCloseTo(expected.relative, 10);
    expect(found?.worst, kind).toBeCloseTo(expected.worst, 10);
  }
  await bundle.close();
  const all = errors.at(-1);
  expect(all?.kind).toBe('all');
  expect(all?.values).toBe([...checkpoint.tensors.values()].reduce((sum, { data }) => sum + data.length, 0));
});

it('has no errors at 32 bits, and no errors of routers and norms at any precision', async () => {
  const { errors: exact = [] } = await measure(32);
  expect(exact.map(({ relative, worst }) => relative + worst)).toEqual(exact.map(() => 0));
  const { errors = [] } = await measure(8);
  const zero = errors.filter(({ relative }) => relative === 0).map(({ kind }) => kind);
  expect(zero).toEqual(['router', 'norms and biases']);
});

it('is not made unless it is asked for', async () => {
  const written = await convert({ from: checkpoint.dir, to: fresh(), bits: 4 });
  expect(written).not.toHaveProperty('errors');
});

it('is complete after an interruption, also if the first run did not measure', async () => {
  const { errors, contentHash } = await measure(4);
  for (const first of [true, false]) {
    const to = fresh();
    const stop = new AbortController();
    const onProgress = ({ done, total }: { done: number; total: number }) => {
      if (done > total / 2) stop.abort(new Error('stopped'));
    };
    const begun = convert({
      from: checkpoint.dir,
      to,
      bits: 4,
      measured: first,
      signal: stop.signal,
      onProgress,
    });
    await expect(begun).rejects.toThrow('stopped');
    const resumed = await convert({ from: checkpoint.dir, to, bits: 4, measured: true });
    expect(resumed.errors).toEqual(errors);
    expect(resumed.contentHash).toBe(contentHash);
    expect(resumed.resumed > 0).toBe(first);
  }
});

it.each([
  ['model.layers.3.mlp.experts.12.gate_proj.weight', 'expert gate'],
  ['model.layers.3.mlp.shared_expert.down_proj.weight', 'shared down'],
  ['model.layers.0.mlp.up_proj.weight', 'dense up'],
  ['model.layers.0.mlp.gate.weight', 'router'],
  ['model.layers.0.mlp.shared_expert_gate.weight', 'norms and biases'],
  ['model.layers.0.self_attn.q_norm.weight', 'norms and biases'],
  ['model.layers.0.self_attn.q_proj.bias', 'norms and biases'],
  ['lm_head.weight', 'head'],
])('%s is of the kind %s', (name, kind) => {
  expect(kindOf(name)).toBe(kind);
});

it('strips of a tensor add up, and a tensor of zeros without errors has no error', () => {
  const [source, stored] = [Float32Array.of(1, -2, 3), Float32Array.of(1, -1.5, 3.25)];
  const whole = addStrip(noErrors, source, stored);
  const parts = addStrip(
    addStrip(noErrors, source.subarray(0, 1), stored),
    source.subarray(1),
    stored.subarray(1),
  );
  expect(parts).toEqual(whole);
  expect(whole).toEqual({ values: 3, squares: 14, errorSquares: 0.3125, largest: 0.5 });
  const zeros = addStrip(noErrors, new Float32Array(4), new Float32Array(4));
  expect(mergeErrors([{ name: 'lm_head.weight', errors: zeros }])[0]).toMatchObject({
    relative: 0,
    worst: 0,
  });
});
