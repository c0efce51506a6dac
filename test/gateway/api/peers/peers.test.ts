// Rendezvous hashing: to which of several gateways a prompt belongs.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PREFIX_BLOCK, prefixKey, rendezvous } from '../../../../gateway/api/peers/rendezvous.ts';

const names = fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 2, maxLength: 8 });
const nodes = (of: readonly string[]) => of.map((name) => ({ name }));

describe('the gateway of a prompt', () => {
  it('does not depend on the order of the gateways', () => {
    fc.assert(
      fc.property(names, fc.string(), (of, key) => {
        expect(rendezvous(key, nodes(of))).toEqual(rendezvous(key, nodes(of.toReversed())));
      }),
      { seed: 1 },
    );
  });

  it('changes only for the prompts of a gateway that leaves', () => {
    fc.assert(
      fc.property(names, fc.string(), fc.nat(), (of, key, which) => {
        const gone = of[which % of.length];
        const before = rendezvous(key, nodes(of)).name;
        const after = rendezvous(key, nodes(of.filter((name) => name !== gone))).name;
        if (before !== gone) expect(after).toBe(before);
      }),
      { seed: 2 },
    );
  });

  it('is each gateway about equally often', () => {
    const counts = new Map<string, number>();
    for (let i = 0; i < 3_000; i++) {
      const { name } = rendezvous(`key ${i}`, nodes(['a', 'b', 'c']));
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    for (const count of counts.values()) expect(Math.abs(count - 1_000)).toBeLessThan(120);
  });

  it('depends only on the first block of ids, the model and the salt', () => {
    const ids = Array.from({ length: PREFIX_BLOCK + 5 }, (_, i) => i);
    const key = prefixKey('m', ids);
    expect(prefixKey('m', [...ids, 7])).toBe(key);
    expect(prefixKey('m', ids.with(PREFIX_BLOCK - 1, 99))).not.toBe(key);
    expect(prefixKey('n', ids)).not.toBe(key);
    expect(prefixKey('m', ids, 'salt')).not.toBe(key);
    expect(prefixKey('m', ids.slice(0, PREFIX_BLOCK - 1))).toBeUndefined();
  });
});
