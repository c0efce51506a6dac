import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  fields,
  list,
  oneOf,
  optional,
  record,
  ShapeError,
  text,
  whole,
} from '../../../model/config/json-shapes.ts';

const shape = fields({
  format: oneOf(1, 2),
  files: record(text(/^\w+$/, 'a word'), fields({ bytes: whole(0), hash: optional(text()) })),
  layers: list(list(whole(1))),
});
const sound = { format: 2, files: { a: { bytes: 0 }, b: { bytes: 7, hash: 'x' } }, layers: [[1], []] };

test('a value of the shape is returned without the keys that the shape does not name', () => {
  expect(shape({ ...sound, other: 1 }, '')).toStrictEqual(sound);
});

test.each([
  ['a key that is missing', { ...sound, layers: undefined }, 'field layers: is missing, not a list'],
  ['a number that is not in the list', { ...sound, format: 3 }, 'field format: is not 1 or 2'],
  ['a list instead of an object', { ...sound, files: [] }, 'field files: is a list, not an object'],
  ['null instead of an object', { ...sound, files: { a: null } }, 'field files.a: is null, not an object'],
  ['a key that is no word', { ...sound, files: { '../a': { bytes: 0 } } }, 'field files.../a: is not a word'],
  [
    'a number instead of text',
    { ...sound, files: { a: { bytes: 0, hash: 1 } } },
    'field files.a.hash: is a number, not text',
  ],
  [
    'a fraction',
    { ...sound, files: { a: { bytes: 0.5 } } },
    'field files.a.bytes: is not a whole number of at least 0',
  ],
  [
    'a number that is too small, in a nested list',
    { ...sound, layers: [[], [3, 0]] },
    'field layers.1.1: is not a whole number of at least 1',
  ],
  [
    'a number that is too large to be exact',
    { ...sound, layers: [[2 ** 53]] },
    'field layers.0.0: is not a whole number',
  ],
  ['no object at all', 'text', 'is a string, not an object'],
])('%s is refused with its path', (_, value, message) => {
  expect(() => shape(value, '')).toThrow(ShapeError);
  expect(() => shape(value, '')).toThrow(message);
});

test('random JSON is either refused or returned in the shape', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      try {
        expect(shape(shape(value, ''), '')).toStrictEqual(shape(value, ''));
      } catch (error) {
        expect(error).toBeInstanceOf(ShapeError);
      }
    }),
  );
});

test('the key __proto__ stays an ordinary key', () => {
  const read = record(text(), whole(0))(JSON.parse('{"__proto__": 1}'), '');
  expect(Object.entries(read)).toEqual([['__proto__', 1]]);
});
