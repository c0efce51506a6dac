// The placement file: its signature, its parser and its errors.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  isSignedBy,
  type Placement,
  placementText,
  readPlacement,
  signPlacement,
  unitsOf,
} from '../../../experts/placing/placement-file.ts';

const secret = Buffer.from('a secret of 30 bytes for tests');
const placement: Placement = {
  version: 1,
  model: 'sha256:m',
  epoch: 3,
  shards: { a: '0-2', b: '1:0-1,0:2', spare: '' },
};
const shape = { layers: 2, experts: 3 };

describe('a signed placement', () => {
  it('has the same canonical text for any order of fields, and is read back with its signature', () => {
    const signed = signPlacement(placement, secret);
    const { a, b, spare } = placement.shards;
    const turned = {
      shards: { spare: spare!, b: b!, a: a! },
      epoch: 3,
      model: 'sha256:m',
      version: 1,
    } as const;
    expect(placementText(signPlacement(turned, secret))).toBe(placementText(signed));
    expect(readPlacement(placementText(signed))).toEqual(signed);
    expect(isSignedBy(signed, secret)).toBe(true);
  });

  it('is not valid with another secret, without a signature, or after a change', () => {
    const signed = signPlacement(placement, secret);
    expect(isSignedBy(signed, Buffer.from('another secret of enough bytes'))).toBe(false);
    expect(isSignedBy(placement, secret)).toBe(false);
    const changes: Partial<Placement>[] = [
      { epoch: 4 },
      { model: 'sha256:n' },
      { shards: { ...placement.shards, a: '0-1' } },
      { shards: { ...placement.shards, c: '' } },
    ];
    for (const change of changes) expect(isSignedBy({ ...signed, ...change }, secret)).toBe(false);
  });

  it('is signed over the label and its text, as docs/placement.md says', () => {
    // printf 'expertgrid placement 1\0{"epoch":3,…}' | openssl dgst -sha256 -hmac 'a secret of 30 bytes for tests'
    expect(placementText(placement)).toBe(
      '{"epoch":3,"model":"sha256:m","shards":{"a":"0-2","b":"1:0-1,0:2","spare":""},"version":1}',
    );
    expect(signPlacement(placement, secret).signature).toBe(
      '2e95ae17d6667e109b17a4433466620d1a9119ff0c354ae516cb63c6f4233cf4',
    );
  });
});

it('unitsOf returns the units of a named shard, no units for an empty text, and undefined for other shards', () => {
  expect(unitsOf(placement, 'b', shape)).toEqual([
    { layer: 0, expert: 2 },
    { layer: 1, expert: 0 },
    { layer: 1, expert: 1 },
  ]);
  expect(unitsOf(placement, 'spare', shape)).toEqual([]);
  expect(unitsOf(placement, 'd', shape)).toBeUndefined();
  expect(unitsOf(placement, 'constructor', shape)).toBeUndefined();
  expect(() => unitsOf({ shards: { a: '0-3' } }, 'a', shape)).toThrow('placement: shards.a: experts: "0-3"');
});

it('readPlacement refuses malformed text and says why', () => {
  expect(() => readPlacement('{')).toThrow('placement: is not JSON');
  const text = (change: object) => JSON.stringify({ ...placement, ...change });
  expect(() => readPlacement(text({ signature: 'ab' }))).toThrow('signature must be 64 hex digits');
  expect(() => readPlacement(text({ epoch: 1.5 }))).toThrow('epoch must be a whole number');
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(() => readPlacement(JSON.stringify(value))).toThrow('placement: ');
    }),
    { seed: 4 },
  );
});
