import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Utf8Stream } from '../../../../gateway/api/text/utf8.ts';

const bytesOf = (text: string) => new TextEncoder().encode(text);

/** Cuts the bytes at the given places, which may be in any order. */
function pieces(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return places.slice(1).map((place, i) => bytes.subarray(places[i], place));
}

function decode(parts: readonly Uint8Array[]): string {
  const stream = new Utf8Stream();
  return parts.map((part) => stream.push(part)).join('') + stream.end();
}

const cuts = fc.array(fc.nat(), { maxLength: 12 });

test('valid text is restored from any pieces, and no piece contains U+FFFD', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), cuts, (text, places) => {
      const parts = pieces(bytesOf(text), places);
      expect(decode(parts)).toBe(text);
      const stream = new Utf8Stream();
      if (!text.includes('\ufffd'))
        for (const part of parts) expect(stream.push(part)).not.toContain('\ufffd');
    }),
    { seed: 1 },
  );
});

test('arbitrary bytes in any pieces are decoded as by the WHATWG decoder', () => {
  const bytes = fc.uint8Array({ maxLength: 24 });
  const nearlyText = fc.array(fc.constantFrom(0x41, 0x80, 0xbf, 0xc2, 0xe0, 0xed, 0xf0, 0xf4, 0xff, 0xa0), {
    maxLength: 16,
  });
  fc.assert(
    fc.property(
      fc.oneof(
        bytes,
        nearlyText.map((list) => Uint8Array.from(list)),
      ),
      cuts,
      (whole, places) => {
        expect(decode(pieces(whole, places))).toBe(
          new TextDecoder('utf-8', { ignoreBOM: true }).decode(whole),
        );
      },
    ),
    { seed: 2, numRuns: 500 },
  );
});

test('pending is true until the last byte of a character', () => {
  const stream = new Utf8Stream();
  const [first, second, third] = bytesOf('€');
  expect([stream.push(Uint8Array.of(first)), stream.pending]).toEqual(['', true]);
  expect([stream.push(Uint8Array.of(second)), stream.pending]).toEqual(['', true]);
  expect([stream.push(Uint8Array.of(third)), stream.pending]).toEqual(['€', false]);
});

test('end() returns one U+FFFD for an incomplete character', () => {
  const stream = new Utf8Stream();
  expect(stream.push(bytesOf('a😀').subarray(0, 4))).toBe('a');
  expect(stream.end()).toBe('\ufffd');
  expect(stream.end()).toBe('');
});

test('a byte order mark is kept as text', () => {
  expect(decode([bytesOf('\ufeffa')])).toBe('\ufeffa');
});
