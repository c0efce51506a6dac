// With nested counts, such as `(a{1,9}){1,9}`, a text can be read in very many ways. A state still has few places, and the
// allowed texts are the right ones.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { multiplied, repeat, text } from '../../../gateway/constraints/grammar/expression.ts';
import { grammarOf } from '../../../gateway/constraints/grammar/grammar-of.ts';
import { Automaton } from '../../../gateway/constraints/masks/automaton.ts';
import type { State } from '../../../gateway/constraints/masks/state.ts';

/** Every text of the letters a, b and c that has at most this many characters. */
function texts(most: number): string[] {
  const all = [''];
  for (let at = 0; (all[at]?.length ?? most) < most; at++) for (const next of 'abc') all.push(all[at] + next);
  return all;
}

function follow(automaton: Automaton, written: string): State | undefined {
  let state: State | undefined = automaton.start();
  for (const byte of Buffer.from(written)) state = state && automaton.step(state, byte);
  return state;
}

const leaf = fc.constantFrom('a', 'b', '[ab]', '(?:a|ab)', '(?:a|aa)', '[abc]', 'ab?');
const counts = fc
  .tuple(fc.nat(3), fc.nat(3))
  .map(([least, more]) => `{${least},${Math.max(1, least + more)}}`);
const nested = fc.letrec<{ pattern: string }>((tie) => ({
  pattern: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    leaf,
    fc.tuple(tie('pattern'), counts).map(([inner, many]) => `(?:${inner})${many}`),
    fc.tuple(tie('pattern'), tie('pattern')).map(([a, b]) => a + b),
    fc.tuple(tie('pattern'), tie('pattern')).map(([a, b]) => `(?:${a}|${b})`),
  ),
})).pattern;

describe('nested counts', () => {
  const all = texts(5);

  it('allow exactly the texts that the RegExp of JavaScript matches', () => {
    fc.assert(
      fc.property(nested, (pattern) => {
        const automaton = new Automaton(grammarOf({ type: 'regex', pattern }), { longestToken: 4 });
        const whole = new RegExp(`^(?:${pattern})$`);
        for (const each of all) {
          expect(follow(automaton, each)?.accepting === true, `${pattern} ${each}`).toBe(whole.test(each));
        }
      }),
      { seed: 3, numRuns: 80 },
    );
  });

  it.each([
    ['([abc]{1,60}){1,60}', 4],
    ['([a-z ]{1,40}x?){1,60}', 12],
    ['(([a-z]{1,9} ?){1,9}[.,]?){1,217}', 60],
    ['((([a-z][a-z ]?b?){11,20}){1,1808}[a-c]{0,40}){4,98}[a-z]{3}', 500],
  ])('in the pattern %s need at most %i places in a state, however long the text is', (pattern, most) => {
    const automaton = new Automaton(grammarOf({ type: 'regex', pattern }), { longestToken: 16 });
    let state: State | undefined = automaton.start();
    let places = 0;
    for (let at = 0; at < 400; at++) {
      state = state && automaton.step(state, 'abc'.charCodeAt(at % 3));
      places = Math.max(places, state?.places.length ?? Number.POSITIVE_INFINITY);
    }
    expect(places).toBeLessThanOrEqual(most);
  });

  it('become one count if every number of repetitions between the fewest and the most is possible', () => {
    const times = (least: number, most: number) => ({ least, most });
    expect(multiplied(times(1, 60), times(1, 60))).toEqual(times(1, 3600));
    expect(multiplied(times(0, 1), times(0, 1))).toEqual(times(0, 1));
    expect(multiplied(times(2, 2), times(3, 3))).toEqual(times(6, 6));
    expect(multiplied(times(2, 3), times(2, 9))).toEqual(times(4, 27));
    expect(multiplied(times(2, 2), times(0, 5))).toBeUndefined();
    expect(multiplied(times(3, 4), times(1, 5))).toBeUndefined();
    expect(multiplied(times(0, Number.POSITIVE_INFINITY), times(0, 0))).toEqual(times(0, 0));
    const signs = Array.from({ length: 9000 }).reduce<ReturnType<typeof text>>(
      (item) => repeat(item, 0, 1),
      text('a'),
    );
    expect(signs).toEqual(repeat(text('a'), 0, 1));
  });

  it('that are random become one count exactly if every number between the fewest and the most is possible', () => {
    const count = fc.tuple(fc.nat(5), fc.nat(5)).map(([least, more]) => ({ least, most: least + more }));
    fc.assert(
      fc.property(count, count, (inner, outer) => {
        const sums = new Set<number>();
        for (let times = outer.least; times <= outer.most; times++) {
          for (let sum = times * inner.least; sum <= times * inner.most; sum++) sums.add(sum);
        }
        const [least, most] = [Math.min(...sums), Math.max(...sums)];
        const whole = sums.size === most - least + 1;
        expect(multiplied(inner, outer)).toEqual(whole ? { least, most } : undefined);
      }),
      { seed: 5, numRuns: 500 },
    );
  });
});
