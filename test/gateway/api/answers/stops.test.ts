import fc from 'fast-check';
import { expect, test } from 'vitest';
import { StopBuffer, stopString } from '../../../../gateway/api/answers/stops.ts';

/** The expected result, found in the whole text: everything before the match that starts first. */
function reference(text: string, stops: readonly string[]): { text: string; stopped: boolean } {
  const found = stops.map((stop) => text.indexOf(stop)).filter((at) => at >= 0);
  return found.length === 0
    ? { text, stopped: false }
    : { text: text.slice(0, Math.min(...found)), stopped: true };
}

function run(pieces: readonly string[], stops: readonly string[]) {
  const buffer = new StopBuffer(stops.map(stopString));
  const out: string[] = [];
  for (const piece of pieces) {
    const { text, stopped } = buffer.push(piece);
    out.push(text);
    if (stopped) return { out, stopped };
  }
  const { text, stopped } = buffer.end();
  return { out: [...out, text], stopped };
}

test('the result does not depend on how the text is split into pieces', () => {
  // A small alphabet makes overlaps, repeats and near misses common.
  const word = (most: number) => fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: most });
  const stops = fc.array(
    word(5).filter((stop) => stop.length > 0),
    { maxLength: 4 },
  );
  fc.assert(
    fc.property(fc.array(word(4), { maxLength: 12 }), stops, (pieces, stopStrings) => {
      const { out, stopped } = run(pieces, stopStrings);
      expect({ text: out.join(''), stopped }).toEqual(reference(pieces.join(''), stopStrings));
    }),
    { seed: 1, numRuns: 5000 },
  );
});

test('only text that may begin a stop string is held back', () => {
  const buffer = new StopBuffer(['\n\nUser:'].map(stopString));
  expect(buffer.push('Yes.\n')).toEqual({ text: 'Yes.', stopped: false });
  expect(buffer.push('\nUs')).toEqual({ text: '', stopped: false });
  expect(buffer.push('ually')).toEqual({ text: '\n\nUsually', stopped: false });
});

test('end() releases held-back text', () => {
  const buffer = new StopBuffer([stopString('END')]);
  expect(buffer.push('an EN').text).toBe('an ');
  expect(buffer.end()).toEqual({ text: 'EN', stopped: false });
});

test('text after a stop string in the same piece is dropped', () => {
  expect(new StopBuffer([stopString('END')]).push('one END two')).toEqual({
    text: 'one ',
    stopped: true,
    stop: 'END',
  });
});

test('a match is held while a longer stop string that began before it may be completed', () => {
  const longer = new StopBuffer(['bcd', 'c'].map(stopString));
  expect(longer.push('abc')).toEqual({ text: 'a', stopped: false });
  expect(longer.push('d')).toEqual({ text: '', stopped: true, stop: 'bcd' });
  const shorter = new StopBuffer(['bcd', 'c'].map(stopString));
  shorter.push('abc');
  expect(shorter.push('x')).toEqual({ text: 'b', stopped: true, stop: 'c' });
});
