import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseSecret } from '../../rpc/security/credential-files.ts';
import { greet } from '../../rpc/security/greet.ts';
import { HelloGate } from '../../rpc/security/hello-gate.ts';
import {
  freshNonce,
  type Handshake,
  isMac,
  macFields,
  macOf,
  noChannel,
} from '../../rpc/security/hello-mac.ts';
import type { Params } from '../../rpc/transport.ts';

const secret = Buffer.from('0123456789abcdef');
const other = Buffer.from('0123456789abcdeg');
const hello = { protocol: 1, role: 'gateway', version: 'test' };
const handshake: Handshake = {
  callerNonce: new Uint8Array(32).fill(1),
  serverNonce: new Uint8Array(32).fill(2),
  channel: noChannel,
  protocol: 1,
  role: 'gateway',
};

/** The calling end of a connection whose other end is `gate`. */
function connectionTo(gate: HelloGate, channel: Uint8Array = noChannel) {
  return {
    channel,
    async call(method: string, params: Params): Promise<Params> {
      if (method === 'challenge') return gate.challenge(params);
      const proof = gate.admit(params);
      return proof === undefined ? { instance: 'a' } : { instance: 'a', proof };
    },
  };
}
const soon = { deadlineMs: 60_000 };

test('the MAC is the one that protocol.md defines', () => {
  const message = Buffer.concat([
    Buffer.from('expertgrid hello 1 caller\0'),
    handshake.callerNonce,
    handshake.serverNonce,
    Buffer.alloc(32),
    Buffer.of(0, 0, 0, 1),
    Buffer.from('gateway'),
  ]);
  const expected = createHmac('sha256', secret).update(message).digest('hex');
  expect(macOf(secret, 'caller', handshake).toString('hex')).toBe(expected);
});

test.each(['caller', 'server'] as const)('the proof of the %s in protocol.md is the computed one', (side) => {
  const doc = readFileSync(new URL('../../docs/protocol.md', import.meta.url), 'utf8');
  const block = new RegExp(`\`\`\`hex ${side}-proof\n([^\`]*)\`\`\``).exec(doc)?.[1];
  expect(block?.replace(/\s/g, '')).toBe(macOf(secret, side, handshake).toString('hex'));
});

test('a MAC is valid only for its own secret, side, connection, protocol and role', () => {
  const bytes = fc.uint8Array({ minLength: 32, maxLength: 32 });
  const change = fc.oneof(
    fc.record({ callerNonce: bytes }),
    fc.record({ serverNonce: bytes }),
    fc.record({ channel: bytes }),
    fc.record({ protocol: fc.nat() }),
    fc.record({ role: fc.string() }),
  );
  const own = macOf(secret, 'caller', handshake);
  fc.assert(
    fc.property(change, (changed) => {
      const moved = { ...handshake, ...changed };
      const same = Object.entries(changed).every(
        ([key, value]) => `${Reflect.get(handshake, key)}` === `${value}`,
      );
      expect(isMac(own, macOf(secret, 'caller', moved))).toBe(same);
    }),
    { seed: 5, numRuns: 300 },
  );
  expect(isMac(own, macOf(secret, 'server', handshake))).toBe(false);
  expect(isMac(own, macOf(other, 'caller', handshake))).toBe(false);
});

test.each([[undefined], [null], ['proof'], [new Uint8Array(31)], [new Uint8Array(0)]])(
  '%j is no valid MAC',
  (given) => {
    expect(isMac(given, macOf(secret, 'caller', handshake))).toBe(false);
  },
);

test('malformed fields of a hello count as 0 or empty and cause no error', () => {
  for (const protocol of [-1, 0.5, 2 ** 32, Number.NaN, 'x', null]) {
    expect(macFields({ protocol, role: 7 })).toEqual({ protocol: 0, role: '' });
  }
});

describe('a hello between two ends', () => {
  test('authenticates both sides with the same secret', async () => {
    expect(await greet(connectionTo(new HelloGate({ secret })), hello, { ...soon, secret })).toMatchObject({
      instance: 'a',
    });
  });

  test('needs no proof if neither side has a secret', async () => {
    expect(await greet(connectionTo(new HelloGate()), hello, soon)).toEqual({ instance: 'a' });
  });

  test.each([
    ['another secret', { secret }, other, 'both sides must have the same secret'],
    ['no secret on the calling side', { secret }, undefined, 'asks for proof of a shared secret'],
    ['no secret on the answering side', {}, secret, 'the peer has no secret'],
    [
      'a relay between two TLS connections',
      { secret, channel: freshNonce() },
      secret,
      'the proof in hello is wrong',
    ],
  ])('is refused with %s', async (_name, gate, own, message) => {
    const options = own === undefined ? soon : { ...soon, secret: own };
    await expect(greet(connectionTo(new HelloGate(gate)), hello, options)).rejects.toMatchObject({
      code: 'unproven',
      retryable: false,
      message: expect.stringContaining(message),
    });
  });

  test('is refused by the caller if the answer is not authenticated', async () => {
    const gate = new HelloGate({ secret });
    const impostor = {
      channel: noChannel,
      call: async (method: string, params: Params) =>
        method === 'challenge' ? gate.challenge(params) : { instance: 'a', proof: params.proof ?? null }, // sends the caller's own proof back
    };
    await expect(greet(impostor, hello, { ...soon, secret })).rejects.toMatchObject({
      code: 'unproven',
      message: 'the peer did not prove that it has the same secret',
    });
  });

  test('is refused if its role differs from the authenticated one', async () => {
    const gate = new HelloGate({ secret });
    const honest = connectionTo(gate);
    const relay = {
      channel: noChannel,
      call: (method: string, params: Params) =>
        honest.call(method, method === 'hello' ? { ...params, role: 'admin' } : params),
    };
    await expect(greet(relay, hello, { ...soon, secret })).rejects.toMatchObject({ code: 'unproven' });
  });
});

test('a gate answers one challenge of 32 bytes, with a new nonce for each connection', () => {
  const gate = new HelloGate({ secret });
  const first = gate.challenge({ nonce: freshNonce() });
  expect(() => gate.challenge({ nonce: freshNonce() })).toThrow('once, before hello');
  expect(new HelloGate({ secret }).challenge({ nonce: freshNonce() }).nonce).not.toEqual(first.nonce);
  for (const nonce of [null, 'x'.repeat(32), new Uint8Array(31), new Uint8Array(33)]) {
    expect(() => new HelloGate().challenge({ nonce })).toThrow('nonce must be binary, 32 bytes');
  }
});

describe('a secret in a file', () => {
  test('is the text without the white space around it', () => {
    expect(parseSecret(Buffer.from(' \n0123456789 abcdef\r\n'), 'f')).toEqual(
      Buffer.from('0123456789 abcdef'),
    );
  });

  test.each(['', '  \n', '0123456789abcde\n'])('%j is too short', (text) => {
    expect(() => parseSecret(Buffer.from(text), '/etc/secret')).toThrow(
      /^\/etc\/secret holds a secret of \d+ bytes/,
    );
  });
});
