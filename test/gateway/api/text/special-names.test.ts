import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SpecialNames } from '../../../../gateway/api/text/special-names.ts';

const namesOf = (contents: readonly string[]) => {
  const rest = { special: true, lstrip: false, rstrip: false };
  return new SpecialNames(contents.map((content, id) => ({ id, content, ...rest })));
};
const letters = (min: number, max: number) =>
  fc
    .array(fc.constantFrom('<', '|', 'a', '.', '😀'), { minLength: min, maxLength: max })
    .map((all) => all.join(''));
const drawn = fc.record({ contents: fc.uniqueArray(letters(2, 5), { maxLength: 5 }), text: letters(1, 12) });

test('within() finds names everywhere, also inside other names', () => {
  fc.assert(
    fc.property(drawn, ({ contents, text }) => {
      const starts = [...text.matchAll(/./gu)];
      const expected = starts.flatMap(({ 0: char, index }) =>
        contents.some((content) => text.startsWith(content, index)) ? [index + char.length] : [],
      );
      expect([...new Set(namesOf(contents).within(text))].sort((a, b) => a - b)).toEqual(expected);
    }),
    { seed: 1, numRuns: 500 },
  );
});

test('completedBy() and begunBy() detect text that could form a name with the text around it', () => {
  fc.assert(
    fc.property(drawn, ({ contents, text }) => {
      const names = namesOf(contents);
      /** The places that cut a name into two parts. */
      const cuts = (content: string) => Array.from({ length: content.length - 1 }, (_, i) => i + 1);
      const completed = contents.some((content) =>
        cuts(content).some(
          (cut) => content.slice(cut).startsWith(text) || text.startsWith(content.slice(cut)),
        ),
      );
      const begun = contents.some((content) =>
        cuts(content).some(
          (cut) => content.slice(0, cut).endsWith(text) || text.endsWith(content.slice(0, cut)),
        ),
      );
      expect([names.completedBy(text), names.begunBy(text)]).toEqual([completed, begun]);
    }),
    { seed: 2, numRuns: 500 },
  );
});
