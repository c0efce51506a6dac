import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Frame, group } from '../../router/group.ts';
import type { Assignment } from '../../router/routing/assignment.ts';

function assign(k: number, experts: number[]): Assignment {
  return { k, experts: Uint16Array.from(experts), weights: new Float32Array(experts.length) };
}

const wide = () => ({ rows: 64, asks: 512 });

test('one shard gets one frame with each row once, however many experts a row has', () => {
  const assignment = assign(2, [3, 9, 3, 17]);
  const { frames } = group({ assignment, ownerOf: (expert) => (expert === 9 ? 1 : 0), limitsOf: wide });
  expect(frames).toEqual([
    { owner: 0, prefill: false, rows: [0, 1], asks: [0, 3, 1, 3, 1, 17], slots: [0, 2, 3] },
    { owner: 1, prefill: false, rows: [0], asks: [0, 9], slots: [1] },
  ]);
});

test('prefill rows and decode rows are in separate frames', () => {
  const { frames } = group({
    assignment: assign(1, [1, 1, 1]),
    ownerOf: () => 0,
    limitsOf: wide,
    prefill: Uint8Array.of(0, 1, 0),
  });
  expect(frames.map(({ prefill, rows }) => ({ prefill, rows }))).toEqual([
    { prefill: false, rows: [0, 2] },
    { prefill: true, rows: [1] },
  ]);
});

const step = fc
  .record({
    k: fc.integer({ min: 1, max: 4 }),
    rows: fc.nat(30),
    owners: fc.array(fc.option(fc.nat(3), { nil: undefined, freq: 12 }), { minLength: 12, maxLength: 12 }),
    limits: fc.record({ rows: fc.integer({ min: 1, max: 8 }), asks: fc.integer({ min: 1, max: 16 }) }),
    masked: fc.boolean(),
  })
  .chain((shape) =>
    fc.record({
      shape: fc.constant(shape),
      experts: fc.array(fc.nat(11), { minLength: shape.rows * shape.k, maxLength: shape.rows * shape.k }),
      mask: fc.uint8Array({ min: 0, max: 1, minLength: shape.rows, maxLength: shape.rows }),
      prefill: fc.uint8Array({ min: 0, max: 1, minLength: shape.rows, maxLength: shape.rows }),
    }),
  );

test('every slot is in exactly one frame of its owner, in order and within the limits', () => {
  fc.assert(
    fc.property(step, ({ shape, experts, mask, prefill }) => {
      const { k, owners, limits, masked } = shape;
      const { frames, unserved } = group({
        assignment: assign(k, experts),
        ownerOf: (expert) => owners[expert],
        limitsOf: () => limits,
        prefill,
        ...(masked ? { mask } : {}),
      });
      const slots = frames.flatMap((frame) => frame.slots);
      const lost = new Set(unserved.map((slot) => Math.floor(slot / k)));
      const expected = experts
        .map((_, slot) => slot)
        .filter((slot) => {
          const row = Math.floor(slot / k);
          return !(masked && mask[row] === 0) && !lost.has(row);
        });
      expect([...slots].sort((a, b) => a - b)).toEqual(expected);
      for (const row of lost) {
        expect(unserved.filter((slot) => Math.floor(slot / k) === row)).toHaveLength(k);
        expect(experts.slice(row * k, (row + 1) * k).map((expert) => owners[expert])).toContain(undefined);
      }
      for (const frame of frames) checkFrame(frame, { k, experts, owners, prefill, limits });
    }),
    { seed: 8, numRuns: 200 },
  );
});

function checkFrame(
  frame: Frame,
  {
    k,
    experts,
    owners,
    prefill,
    limits,
  }: {
    k: number;
    experts: number[];
    owners: (number | undefined)[];
    prefill: Uint8Array;
    limits: { rows: number; asks: number };
  },
): void {
  expect(frame.rows.length).toBeLessThanOrEqual(limits.rows);
  expect(frame.slots.length).toBeLessThanOrEqual(limits.asks);
  expect(frame.asks).toHaveLength(2 * frame.slots.length);
  expect(frame.rows).toEqual([...new Set(frame.rows)].sort((a, b) => a - b));
  expect(frame.slots).toEqual([...frame.slots].sort((a, b) => a - b));
  frame.slots.forEach((slot, ask) => {
    const row = frame.rows[frame.asks[2 * ask]!];
    expect(row).toBe(Math.floor(slot / k));
    expect(frame.asks[2 * ask + 1]).toBe(experts[slot]);
    expect(owners[experts[slot]!]).toBe(frame.owner);
    expect(prefill[row!] === 1).toBe(frame.prefill);
  });
}
