// The comparison of devices with the reference: it finds a tie that was rounded the other way, and excuses nothing else.
import { expect, test } from 'vitest';
import { resolve } from '../../reference/agreement.ts';
import { forward } from '../../reference/forward.ts';
import { type ReferenceMatrix, weightsOfCheckpoint } from '../../reference/weights.ts';
import { describe as describeCheckpoint, drawTensors } from '../../support/models/checkpoint.ts';
import { normal } from '../../support/random.ts';

const bound = 1e-4;
const config = describeCheckpoint({ layers: 2, hidden: 64, experts: 4 });

function quantisedWeights() {
  const weights = weightsOfCheckpoint(config, drawTensors(config, 3));
  const mark = (matrix: ReferenceMatrix) => {
    matrix.quantised = true;
  };
  for (const { q, k, v, o, routed } of weights.layers) {
    for (const matrix of [q, k, v, o]) mark(matrix);
    for (const { gate, up, down } of routed?.experts ?? [])
      for (const matrix of [gate, up, down]) mark(matrix);
  }
  mark(weights.head);
  return weights;
}

const next = normal(5);
const ids = Array.from({ length: 60 }, () => Math.floor(Math.abs(next()) * 50));
const plain = { config, weights: quantisedWeights(), ids, activations: 'int8' } as const;
const expected = forward(plain);
const options = { ...plain, forcedExperts: expected.routing.map((layer) => layer.map((c) => c.experts)) };

test('a tie that a device rounded the other way is found, and the error is then below the bound', () => {
  const [tie] = expected.nearTies.filter(({ name }) => name.startsWith('0/'));
  if (!tie) throw new Error('the draw has no near tie in layer 0; choose another seed');
  const device = forward({ ...options, flips: new Set([tie.name]) }).logits;
  const { turned, errors } = resolve(options, device, bound);
  expect([...turned.keys()]).toEqual([tie.name]);
  expect(Math.max(...errors)).toBeLessThan(1e-12);
});

test('an error that no tie explains stays above the bound', () => {
  const device = expected.logits.map((row) => row.slice());
  const row = device[9];
  if (!row) throw new Error('too few positions');
  row[0] = (row[0] ?? 0) + 3 * bound * Math.max(...row.map(Math.abs));
  const { turned, errors } = resolve(options, device, bound);
  expect(turned.size).toBe(0);
  expect(errors[9]).toBeGreaterThan(2.9 * bound);
});

test('weights that are wrong by one part in a thousand fail', () => {
  const weights = quantisedWeights();
  for (const { o } of weights.layers) o.data = o.data.map((w) => w * 1.001);
  const device = forward({ ...options, weights }).logits;
  const { errors } = resolve(options, device, bound);
  expect(Math.max(...errors)).toBeGreaterThan(bound);
});
