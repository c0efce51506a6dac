import fc from 'fast-check';
import { Packr } from 'msgpackr';
import { describe, expect, test } from 'vitest';
import { decodeMessage, encodeMessage } from '../../rpc/codec.ts';
import { RpcError } from '../../rpc/errors.ts';
import type { Message } from '../../rpc/messages.ts';
import type { Value } from '../../rpc/transport.ts';

const peer = new Packr({ useRecords: false });

const { value } = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', maxDepth: 4 },
    fc.constant(null),
    fc.boolean(),
    fc.integer(),
    fc.double({ noNaN: true }),
    fc.string(),
    fc.uint8Array({ maxLength: 40 }),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(
      fc.string({ minLength: 1 }).filter((key) => key !== '__proto__'),
      tie('value'),
      { maxKeys: 5 },
    ),
  ),
}));
const params = fc.dictionary(
  fc.string({ minLength: 1 }).filter((key) => key !== '__proto__'),
  value,
  { maxKeys: 5 },
);
const id = fc.nat(0xffff_ffff);
const method = fc.string({ minLength: 1, maxLength: 64 });
const message: fc.Arbitrary<Message> = fc.oneof(
  fc.record({ type: fc.constant('request' as const), id, method, params }),
  fc.record({ type: fc.constant('notification' as const), method, params }),
  fc.record({ type: fc.constant('response' as const), id, error: fc.constant(undefined), result: value }),
);

/** Replaces binary values by arrays of numbers, because decoding changes their class. */
function comparable(part: unknown): unknown {
  if (part instanceof Uint8Array) return { bytes: [...part] };
  if (Array.isArray(part)) return part.map(comparable);
  if (typeof part !== 'object' || part === null) return Object.is(part, -0) ? 0 : part;
  return Object.fromEntries(Object.entries(part).map(([key, inner]) => [key, comparable(inner)]));
}

test('any message is the same after encoding and decoding', () => {
  fc.assert(
    fc.property(message, (sent) => {
      expect(comparable(decodeMessage(encodeMessage(sent)))).toEqual(comparable(sent));
    }),
    { seed: 2, numRuns: 1_000 },
  );
});

test('an error keeps its code, message, retryable and retry-after', () => {
  const error = new RpcError('busy', 'later', { retryAfterMs: 12.3 });
  const got = decodeMessage(encodeMessage({ type: 'response', id: 7, error, result: null }));
  if (got.type !== 'response') throw new Error('not a response');
  expect(got.error).toMatchObject({ code: 'busy', message: 'later', retryable: true, retryAfterMs: 13 });
});

test('an error code of a later version becomes internal and is named', () => {
  const got = decodeMessage(
    peer.pack([1, 7, { code: 'moved', message: 'elsewhere', retryable: true }, null]),
  );
  if (got.type !== 'response') throw new Error('not a response');
  expect(got.error).toMatchObject({ code: 'internal', message: 'moved: elsewhere' });
});

describe('bytes that are no message are refused', () => {
  test.each([
    ['a number', 5, 'must be an array'],
    ['an unknown type', [3, 1, 'a', {}], 'must start with 0'],
    ['a request of three elements', [0, 1, 'a'], 'must have 4 elements'],
    ['a negative id', [0, -1, 'a', {}], 'id must be an integer'],
    ['a fractional id', [0, 1.5, 'a', {}], 'id must be an integer'],
    ['a method that is no string', [0, 1, 2, {}], 'a method must be a string'],
    ['params that are an array', [0, 1, 'a', []], 'params must be a map'],
    ['params that are binary', [2, 'a', new Uint8Array(2)], 'params must be a map'],
    ['an error that is a string', [1, 1, 'bad', null], 'an error must be a map'],
  ])('%s', (_name, sent, reason) => {
    expect(() => decodeMessage(peer.pack(sent))).toThrow(reason);
  });
});

describe('bytes that would make a decoder allocate or recurse without bound are refused before decoding', () => {
  test.each([
    ['an array of four billion in five bytes', 'ddffffffff', 'announces 4294967295 values'],
    ['a map of two billion in five bytes', 'df7fffffff', 'announces 4294967294 values'],
    ['a string longer than the frame', 'dbffffffff61', 'ends in the middle'],
    ['binary longer than the frame', 'c6ffffffff00', 'ends in the middle'],
    ['no bytes', '', 'ends in the middle'],
    ['an extension type', 'd40001', 'type 0xd4'],
    ['the byte that MessagePack never uses', 'c1', 'type 0xc1'],
    ['a key that is no string', '810102', 'key that is not a string'],
    ['an array that ends too early', '9201', 'announces 2 values in 1 bytes'],
    ['two values', '0101', '1 bytes after its value'],
  ])('%s', (_name, hex, reason) => {
    expect(() => decodeMessage(Buffer.from(hex, 'hex'))).toThrow(reason);
  });

  test('a million nested arrays', () => {
    expect(() => decodeMessage(Buffer.alloc(1_000_000, 0x91))).toThrow('nested deeper than 16');
  });

  test('a million small values', () => {
    const bytes = Buffer.alloc(1_000_005, 0x01);
    bytes.set([0xdd, 0, 0x0f, 0x42, 0x40]);
    expect(() => decodeMessage(bytes)).toThrow('more than 200000 values');
  });
});

test('a Float32Array is refused, because msgpackr would corrupt it', () => {
  const floats: object = new Float32Array(2);
  const sent = { type: 'notification', method: 'a', params: { rows: floats as Value } } as const;
  expect(() => encodeMessage(sent)).toThrow('cannot hold a value of type Float32Array');
});

test('undefined is refused', () => {
  const nothing: Record<string, Value | undefined> = { a: undefined };
  const sent = { type: 'notification', method: 'a', params: nothing as Record<string, Value> } as const;
  expect(() => encodeMessage(sent)).toThrow('cannot hold a value of type undefined');
});

test('a key named __proto__ changes no prototype', () => {
  const got = decodeMessage(Buffer.from('9302a16181a95f5f70726f746f5f5f81a16101', 'hex'));
  if (got.type !== 'notification') throw new Error('not a notification');
  expect(Object.getPrototypeOf(got.params)).toBe(Object.prototype);
  expect('a' in got.params).toBe(false);
});
