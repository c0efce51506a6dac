import { describe, expect, it } from 'vitest';
import { Speculation } from '../../../../gateway/engine/sampling/speculation.ts';
import { uniform } from '../../../support/random.ts';

/** Generates `count` ids. Returns how many were drafted, and how many drafts were right. */
function run(next: (ids: readonly number[]) => number, count: number, price: number) {
  const speculation = new Speculation();
  const ids = [0];
  let drafted = 0;
  let kept = 0;
  while (ids.length < count) {
    const drafts = speculation.draft(ids, 100, price);
    drafted += drafts.length;
    for (let row = 0; row <= drafts.length; row++) {
      const id = next(ids);
      ids.push(id);
      if (id !== drafts[row]) break;
      kept++;
    }
    speculation.learn(ids);
  }
  return { drafted, kept };
}

describe('drafting', () => {
  const looping = (ids: readonly number[]) => [3, 1, 4, 1, 5, 9, 2, 6][ids.length % 8]!;

  it('drafts nearly all ids of a repetitive text correctly', () => {
    const { drafted, kept } = run(looping, 400, 0.3);
    expect(kept).toBeGreaterThan(300);
    expect(kept).toBeGreaterThan(0.95 * drafted);
  });

  it('drafts hardly any ids of a text that only seems repetitive', () => {
    const random = uniform(4);
    const { drafted } = run(() => Math.floor(6 * random()), 2_000, 0.5);
    expect(drafted).toBeLessThan(40);
  });

  it('gains more than it costs at any price, or makes no drafts', () => {
    for (const price of [0.05, 0.2, 0.5, 0.9, 1.2]) {
      for (const noise of [0, 0.1, 0.3, 0.6]) {
        const random = uniform(8);
        const { drafted, kept } = run(
          (ids) => (random() < noise ? Math.floor(50 * random()) : looping(ids)),
          3_000,
          price,
        );
        expect(kept - price * drafted, `${price} ${noise}`).toBeGreaterThan(-0.01 * 3_000);
      }
    }
  });

  it('never drafts more ids than there is room for', () => {
    const speculation = new Speculation();
    const ids = Array.from({ length: 40 }, (_, i) => i % 4);
    expect(speculation.draft(ids, 0, 0)).toEqual([]);
    expect(speculation.draft(ids, 2, 0)).toEqual([0, 1]);
    expect(speculation.draft(ids, 100, 0)).toEqual([0, 1, 2, 3, 0, 1, 2]);
  });
});
