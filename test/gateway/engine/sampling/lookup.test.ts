import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Found, Lookup } from '../../../../gateway/engine/sampling/lookup.ts';

const longest = 8;

/** The expected result of `find`: compares the end of `ids` with every earlier occurrence. */
function slowly(ids: readonly number[]): Found | undefined {
  let best: Found | undefined;
  for (let at = ids.length - 2; at > 0; at--) {
    let match = 0;
    while (match < longest && match <= at && ids[at - match] === ids[ids.length - 1 - match]) match++;
    if (match >= 2 && match > (best?.match ?? 0)) best = { match, next: at + 1 };
  }
  return best;
}

describe('the lookup of earlier occurrences', () => {
  it('finds the longest match, and the latest among equals', () => {
    expect(new Lookup(longest).find([1, 2, 3, 9, 2, 3, 8, 1, 2, 3])).toEqual({ match: 3, next: 3 });
    expect(new Lookup(longest).find([2, 3, 9, 2, 3, 8, 2, 3])).toEqual({ match: 2, next: 5 });
    expect(new Lookup(longest).find([7, 7, 7])).toEqual({ match: 2, next: 2 });
  });

  it('finds nothing if the last two ids have not occurred together before', () => {
    for (const ids of [[], [1], [1, 1], [1, 2, 3], [3, 1, 2, 1, 3, 2]]) {
      expect(new Lookup(longest).find(ids)).toBeUndefined();
    }
  });

  it('finds the same as a search of the whole text, however the text grows', () => {
    const text = fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 60 });
    fc.assert(
      fc.property(text, fc.array(fc.integer({ min: 1, max: 20 }), { maxLength: 10 }), (ids, growth) => {
        const lookup = new Lookup(longest);
        let length = 0;
        for (const by of [...growth, ids.length]) {
          length = Math.min(length + by, ids.length);
          const known = ids.slice(0, length);
          expect(lookup.find(known)).toEqual(slowly(known));
        }
      }),
      { seed: 11, numRuns: 500 },
    );
  });

  it('does not mix up pairs of ids of a large vocabulary', () => {
    const ids = [200_000, 199_999, 5, 199_999, 200_000, 7, 200_000, 199_999];
    expect(new Lookup(longest).find(ids)).toEqual({ match: 2, next: 2 });
  });
});
