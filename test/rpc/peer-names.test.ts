import fc from 'fast-check';
import { expect, test } from 'vitest';
import { certificateNames, isNameAllowed, mayTakeRole } from '../../rpc/security/peer-names.ts';

const subject = { C: '', ST: '', L: '', O: '', OU: '', CN: 'Gateway-1' };

test('the names of a certificate are its common name and its DNS names, in lower case, each once', () => {
  const subjectaltname = 'DNS:gateway-1, DNS:B.example, IP Address:127.0.0.1, email:x@y, URI:http://gateway';
  expect(certificateNames({ subject, subjectaltname })).toEqual(['gateway-1', 'b.example']);
});

test('a DNS name that could be mistaken for several names is ignored', () => {
  const subjectaltname = 'DNS:"a, DNS:gateway, b"';
  expect(certificateNames({ subject, subjectaltname })).toEqual(['gateway-1']);
});

test.each([
  ['gateway-1', 'gateway-1', true],
  ['gateway-1', 'Gateway-1', true],
  ['gateway-1', 'gateway', false],
  ['gateway-1', 'gateway-*', true],
  ['gateway-', 'gateway-*', true],
  ['gateways', 'gateway-*', false],
  ['a.shards.internal', '*.shards.internal', true],
  ['shards.internal', '*.shards.internal', false],
  ['a-b', 'a-*-b', false],
  ['gateway.+', 'gateway..', false],
  ['anything', '*', true],
  ['', 'gateway*', false],
])('%s by %s: %s', (name, pattern, allowed) => {
  expect(isNameAllowed(name, [pattern])).toBe(allowed);
});

test('an empty list allows no name', () => {
  fc.assert(
    fc.property(fc.string(), (name) => !isNameAllowed(name, [])),
    { seed: 1 },
  );
});

test.each([
  [['gateway-1'], 'gateway', true],
  [['gateway-1'], 'admin', false],
  [['gateway', 'admin.example'], 'admin', true],
  [['gateways'], 'admin', true],
  [['ops-7'], 'admin', true],
  [['gateway-1'], 'something else', true],
  [[], 'gateway', true],
])('%j may take the role %s: %s', (names, role, may) => {
  expect(mayTakeRole(names, role)).toBe(may);
});
