// The noise of copies: its size, which tensors get it, and that a seed repeats it.
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { grow } from '../../../model/grow/grow.ts';
import { USUAL_NOISE } from '../../../model/grow/growth.ts';
import { type CheckpointOptions, writeCheckpoint } from '../../support/models/checkpoint.ts';
import { tinyFolder } from '../../support/models/tiny-bundle.ts';
import { floatsOf, tensorBytesOf, writeCase } from './support.ts';

interface Widening {
  noise?: number;
  seed?: number;
}

async function widen(from: string, { noise, seed = 1 }: Widening = {}): Promise<Map<string, Buffer>> {
  const to = join(await tinyFolder(), 'to');
  await grow({ from, to, growth: { kind: 'width', noise, seed } });
  return await tensorBytesOf(to);
}

async function source(options: CheckpointOptions = {}): Promise<string> {
  const shape = { layers: 1, experts: 4, hidden: 64, inner: 128, vocab: 50, score: 'sigmoid' } as const;
  return (await writeCheckpoint(join(await tinyFolder(), 'from'), { ...shape, ...options })).dir;
}

function deviationOf(values: Float32Array): { mean: number; deviation: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, deviation: Math.sqrt(squares / values.length) };
}

const layer = 'model.layers.0.mlp';

describe('with float32', async () => {
  const from = await source();
  const before = await tensorBytesOf(from);
  const after = await widen(from);

  it.each([
    ['an expert', `${layer}.experts.1.up_proj.weight`, `${layer}.experts.5.up_proj.weight`, 8192],
    ['an expert', `${layer}.experts.3.down_proj.weight`, `${layer}.experts.7.down_proj.weight`, 8192],
    ['rows of the router', `${layer}.gate.weight`, `${layer}.gate.weight`, 256],
  ])('the copy of %s differs by 0.01 of its deviation: %s', (_, original, copied, count) => {
    const values = floatsOf(before.get(original));
    const copy = floatsOf(after.get(copied)).slice(-count);
    const noise = copy.map((value, i) => value - values[i]!);
    const { mean, deviation } = deviationOf(noise);
    const sigma = USUAL_NOISE * deviationOf(values).deviation;
    // Within four standard errors.
    expect(Math.abs(mean)).toBeLessThan((4 * sigma) / Math.sqrt(count));
    expect(Math.abs(deviation / sigma - 1)).toBeLessThan(4 / Math.sqrt(2 * count));
    expect(Math.max(...noise.map(Math.abs))).toBeLessThan(3.6 * sigma);
  });

  it('originals, dense tensors and the selection bias are unchanged', () => {
    const copies = [...after].filter(([name]) => !/experts\.[4-7]\./.test(name));
    expect(copies.map(([name]) => name).sort()).toEqual([...before.keys()].sort());
    for (const [name, bytes] of copies) {
      const original = before.get(name)!;
      expect(bytes.subarray(0, original.length).equals(original)).toBe(true);
    }
    const bias = `${layer}.gate.e_score_correction_bias`;
    expect(after.get(bias)).toEqual(Buffer.concat([before.get(bias)!, before.get(bias)!]));
  });

  it('the same seed gives the same bytes, and another seed others', async () => {
    const [same, other] = [await widen(from), await widen(from, { seed: 2 })];
    const copy = `${layer}.experts.4.gate_proj.weight`;
    for (const [name, bytes] of after) expect(same.get(name)?.equals(bytes)).toBe(true);
    expect(other.get(copy)?.equals(after.get(copy)!)).toBe(false);
  });

  it('no two copies have the same noise', () => {
    const noiseOf = (expert: number) => {
      const values = floatsOf(before.get(`${layer}.experts.${expert}.up_proj.weight`));
      return floatsOf(after.get(`${layer}.experts.${expert + 4}.up_proj.weight`)).map(
        (v, i) => v - values[i]!,
      );
    };
    const [a, b] = [noiseOf(0), noiseOf(1)];
    const product = a.reduce((sum, value, i) => sum + value * b[i]!, 0) / a.length;
    expect(Math.abs(product) / (deviationOf(a).deviation * deviationOf(b).deviation)).toBeLessThan(0.05);
  });
});

it.each(['bf16', 'f16'] as const)('weights of %s keep their type', async (dtype) => {
  const from = await source({ dtype });
  const [before, after] = [await tensorBytesOf(from), await widen(from, { noise: 0.5 })];
  const [original, copy] = [
    before.get(`${layer}.experts.0.up_proj.weight`)!,
    after.get(`${layer}.experts.4.up_proj.weight`)!,
  ];
  expect(copy.length).toBe(original.length);
  expect(copy.equals(original)).toBe(false);
});

it('copies in a stack get noise, and originals do not', async () => {
  const from = await writeCase('mixtral_stacked-1');
  const [before, after] = [await tensorBytesOf(from), await widen(from)];
  const name = [...before.keys()].find((each) => each.endsWith('.experts.gate_up_proj'))!;
  const original = before.get(name)!;
  const grown = after.get(name)!;
  expect(grown.length).toBe(2 * original.length);
  expect(grown.subarray(0, original.length).equals(original)).toBe(true);
  const [values, copy] = [floatsOf(original), floatsOf(grown.subarray(original.length))];
  const { deviation } = deviationOf(copy.map((value, i) => value - values[i]!));
  expect(deviation / deviationOf(values).deviation).toBeCloseTo(USUAL_NOISE, 3);
});
