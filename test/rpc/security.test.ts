// Tests secrets, certificates and limits for strangers over real sockets.
import { connect as connectTls } from 'node:tls';
import { afterEach, describe, expect, test } from 'vitest';
import type { Address } from '../../rpc/address.ts';
import { encodeMessage } from '../../rpc/codec.ts';
import type { RpcError } from '../../rpc/errors.ts';
import type { Security } from '../../rpc/security/credentials.ts';
import { greet } from '../../rpc/security/greet.ts';
import type { TlsIdentity, TlsMaterial } from '../../rpc/security/tls.ts';
import { openConnection } from '../../rpc/socket/connection.ts';
import { listen, type RpcServer, type ServerOptions } from '../../rpc/socket/server.ts';
import { openSocketTransport } from '../../rpc/socket/socket-transport.ts';
import type { Params, Transport } from '../../rpc/transport.ts';
import { createAuthority, type IssueOptions } from '../support/network/certificates.ts';
import { framed } from './framed.ts';
import { openRawPeer } from './raw-peer.ts';
import { describeTransport, echo, hello } from './transport.cases.ts';

const authority = createAuthority();
const stranger = createAuthority('another authority');
const secret = () => Buffer.from('a secret of the tests');
const otherSecret = () => Buffer.from('another secret of them');

function tls(
  options: IssueOptions,
  peers: readonly string[] = [],
  { issuer = authority, ca = authority.ca } = {},
) {
  const material: TlsMaterial = { ...issuer.issue(options), ca };
  return { material: () => material, peers } satisfies TlsIdentity;
}
const shardTls = tls({ commonName: 'shard-1', ip: ['127.0.0.1'] }, ['gateway-*']);
const gatewayTls = tls({ commonName: 'gateway-1' });

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

let refused: { code: string; message: string }[] = [];
async function serve(options: Partial<ServerOptions> = {}): Promise<RpcServer> {
  const told: typeof refused = [];
  refused = told;
  const onRefused = ({ code, message }: RpcError) => told.push({ code, message });
  const server = await listen({ handlers: { hello, echo }, onRefused, ...options });
  closers.push(() => server.close({ graceMs: 100 }));
  return server;
}

async function open({ address }: { address: Address }, security?: Security): Promise<Transport> {
  const params = { protocol: 1, role: 'gateway' };
  const transport = await openSocketTransport(address, { hello: params, ...(security && { security }) });
  closers.push(() => transport.close());
  return transport;
}

const ways: [string, Security, Security][] = [
  ['a secret', { secret }, { secret }],
  ['certificates', { tls: shardTls }, { tls: gatewayTls }],
  ['both', { secret, tls: shardTls }, { secret, tls: gatewayTls }],
];

for (const [way, ofServer, ofCaller] of ways) {
  const opened: Transport[] = [];
  const servers: RpcServer[] = [];
  describeTransport(`over sockets with ${way}`, {
    async serve(handlers, options) {
      const server = await listen({ handlers, security: ofServer, ...options });
      servers.push(server);
      return {
        server,
        async open(to) {
          const transport = await openSocketTransport(server.address, { security: ofCaller, ...to });
          opened.push(transport);
          return transport;
        },
      };
    },
    async close() {
      for (const transport of opened.splice(0)) transport.close();
      await Promise.all(servers.splice(0).map((server) => server.close({ graceMs: 100 })));
    },
  });
}

describe('a refused connection gets a reason, a server that refuses also reports it, and the server keeps running', () => {
  const issuedByStranger = { issuer: stranger };
  const trustsStranger = { ca: stranger.ca };
  const cases: [string, Security, Security | undefined, string][] = [
    ['a wrong secret', { secret }, { secret: otherSecret }, 'the proof in hello is wrong'],
    ['no secret', { secret }, undefined, 'asks for proof of a shared secret'],
    [
      'a certificate of another authority',
      { tls: shardTls },
      { tls: tls({ commonName: 'gateway-1' }, [], issuedByStranger) },
      "the caller's certificate is not accepted here",
    ],
    [
      'a certificate of another authority that is named like the accepted authority',
      { tls: shardTls },
      { tls: tls({ commonName: 'test authority' }, [], issuedByStranger) },
      "the caller's certificate is not accepted here",
    ],
    [
      'a certificate with a name that is not allowed',
      { tls: shardTls },
      { tls: tls({ commonName: 'shard-2', dns: ['shard-2.internal'] }) },
      "the caller's certificate names shard-2, shard-2.internal; allowed are gateway-*",
    ],
    [
      'a certificate without a name',
      { tls: shardTls },
      { tls: tls({ ip: ['127.0.0.1'] }) },
      "the caller's certificate names nobody",
    ],
    [
      'an expired certificate',
      { tls: shardTls },
      { tls: tls({ commonName: 'gateway-1', toDays: -1 }) },
      "the caller's certificate is not accepted here: CERT_HAS_EXPIRED",
    ],
    [
      'a certificate that is not valid yet',
      { tls: shardTls },
      { tls: tls({ commonName: 'gateway-1', fromDays: 1 }) },
      "the caller's certificate is not accepted here: CERT_NOT_YET_VALID",
    ],
    [
      'a certificate made for servers only',
      { tls: shardTls },
      { tls: tls({ commonName: 'gateway-1', usages: ['server'] }) },
      "the caller's certificate is not accepted here: INVALID_PURPOSE",
    ],
    [
      'a certificate but no secret, if both are required',
      { tls: shardTls, secret },
      { tls: gatewayTls },
      'asks for proof of a shared secret',
    ],
  ];
  test.each(cases)('%s', async (_name, security, caller, reason) => {
    const server = await serve({ security });
    await expect(open(server, caller)).rejects.toMatchObject({
      code: 'unproven',
      retryable: false,
      message: expect.stringContaining(reason),
    });
    await expect.poll(() => refused.length).toBeGreaterThan(0);
    expect(refused[0]).toMatchObject({ code: 'unproven' });
    expect(server.callers().length).toBe(0);
    const right: Security = { ...(security.secret && { secret }), ...(security.tls && { tls: gatewayTls }) };
    const transport = await open(server, right);
    expect(await transport.call('echo', { a: 1 }, { deadlineMs: 60_000 })).toMatchObject({ a: 1 });
  });

  const byCaller: [string, Security, Security, string][] = [
    ['a server without the secret', {}, { secret }, 'the peer has no secret'],
    ['a server without TLS', {}, { tls: gatewayTls }, 'cannot connect to'],
    [
      "a server's certificate of another authority",
      { tls: tls({ ip: ['127.0.0.1'] }, ['*'], issuedByStranger) },
      { tls: gatewayTls },
      'cannot connect to',
    ],
    [
      "a server's certificate, if the caller trusts only another authority",
      { tls: shardTls },
      { tls: tls({ commonName: 'gateway-1' }, [], trustsStranger) },
      'cannot connect to',
    ],
    [
      "a server's certificate of another host",
      { tls: tls({ commonName: 'shard-9', dns: ['shard-9'] }, ['*']) },
      { tls: gatewayTls },
      'its certificate names shard-9, not 127.0.0.1',
    ],
    [
      "a server's expired certificate",
      { tls: tls({ ip: ['127.0.0.1'], toDays: -1 }, ['*']) },
      { tls: gatewayTls },
      'certificate has expired',
    ],
  ];
  test.each(byCaller)('%s', async (_name, security, caller, reason) => {
    const server = await serve({ security });
    await expect(open(server, caller)).rejects.toMatchObject({
      code: 'unproven',
      message: expect.stringContaining(reason),
    });
    await expect.poll(() => server.callers().length).toBe(0);
  });
});

test("a gateway's certificate is not valid for an admin", async () => {
  const { address } = await serve({ security: { tls: shardTls } });
  const admin = openSocketTransport(address, { hello: { role: 'admin' }, security: { tls: gatewayTls } });
  await expect(admin).rejects.toMatchObject({
    code: 'unproven',
    message: "the caller's certificate names gateway-1, which is no name for the role admin",
  });
});

test('a caller without TLS gets a hint about TLS, and the server reports it', async () => {
  const server = await serve({ security: { tls: shardTls } });
  await expect(open(server)).rejects.toMatchObject({
    code: 'unavailable',
    message: expect.stringContaining('if it asks for TLS, give --tls-cert'),
  });
  await expect.poll(() => refused[0]?.message).toContain('TLS failed');
});

test('a server without TLS reports a caller with TLS', async () => {
  const server = await serve();
  await expect(open(server, { tls: gatewayTls })).rejects.toMatchObject({ code: 'unproven' });
  await expect.poll(() => refused[0]?.message).toContain('the other side speaks TLS, this side does not');
});

test('a server certificate may have an allowed name instead of the host', async () => {
  const server = await serve({ security: { tls: tls({ commonName: 'shard-9' }, ['gateway-1']) } });
  const transport = await open(server, { tls: tls({ commonName: 'gateway-1' }, ['shard-*']) });
  expect(await transport.call('ping', {}, { deadlineMs: 60_000 })).toEqual({});
});

test('a recorded hello is refused when it is sent again', async () => {
  const server = await serve({ security: { secret } });
  const connection = await openConnection(server.address);
  closers.push(() => connection.close());
  const sent: Buffer[] = [];
  let id = 0;
  const recording = {
    channel: connection.channel,
    call(method: string, params: Params, options: { deadlineMs: number }) {
      const message = { type: 'request', id: ++id, method, params: { ...params, ...options } } as const;
      sent.push(Buffer.from(encodeMessage(message)));
      return connection.call(method, params, options);
    },
  };
  await greet(recording, { protocol: 1, role: 'gateway' }, { deadlineMs: 5_000, secret: secret() });
  expect(sent).toHaveLength(2);

  const thief = await openRawPeer(server.address);
  thief.write(framed(sent[0]!));
  expect(await thief.next()).toMatchObject({ id: 1, error: undefined });
  thief.write(framed(sent[1]!));
  expect(await thief.rest()).toMatchObject([
    { id: 2, error: { code: 'unproven', message: expect.stringContaining('the proof in hello is wrong') } },
    { method: 'error' },
  ]);
});

describe('new connections use new credentials', () => {
  test('certificates of another authority', async () => {
    const later = createAuthority('the next authority');
    let ofServer = shardTls.material();
    const server = await serve({ security: { tls: { material: () => ofServer, peers: ['gateway-*'] } } });
    const before = await open(server, { tls: gatewayTls });
    ofServer = { ...later.issue({ ip: ['127.0.0.1'] }), ca: later.ca };
    await expect(open(server, { tls: gatewayTls })).rejects.toMatchObject({ code: 'unproven' });
    await open(server, { tls: tls({ commonName: 'gateway-2' }, [], { issuer: later, ca: later.ca }) });
    expect(await before.call('echo', { a: 1 }, { deadlineMs: 60_000 })).toMatchObject({ a: 1 });
  });

  test('another secret', async () => {
    let current = secret;
    const server = await serve({ security: { secret: () => current() } });
    const before = await open(server, { secret });
    current = otherSecret;
    await expect(open(server, { secret })).rejects.toMatchObject({ code: 'unproven' });
    await open(server, { secret: otherSecret });
    expect(await before.call('echo', { a: 1 }, { deadlineMs: 60_000 })).toMatchObject({ a: 1 });
  });
});

describe('the cost of a stranger is limited', () => {
  const large = { bytes: new Uint8Array(100_000) };

  test('before hello is answered, a large frame is refused as soon as its length is read', async () => {
    const { address } = await serve({ security: { secret } });
    const peer = await openRawPeer(address);
    peer.write(
      framed(encodeMessage({ type: 'request', id: 1, method: 'hello', params: large })).subarray(0, 4),
    );
    const announced = /a frame announces 1000\d\d bytes; 1 to 65536 are allowed/;
    expect(await peer.rest()).toMatchObject([{ params: { message: expect.stringMatching(announced) } }]);
  });

  test('an authenticated caller may send large frames', async () => {
    const transport = await open(await serve({ security: { secret } }), { secret });
    expect(await transport.call('echo', large, { deadlineMs: 60_000 })).toMatchObject({
      bytes: expect.objectContaining({ length: 100_000 }),
    });
  });

  test('a second challenge ends the connection', async () => {
    const { address } = await serve();
    const peer = await openRawPeer(address);
    const challenge = (id: number) =>
      ({ type: 'request', id, method: 'challenge', params: { nonce: new Uint8Array(32) } }) as const;
    peer.send(challenge(1));
    expect(await peer.next()).toMatchObject({ id: 1, result: { required: false } });
    peer.send(challenge(2));
    expect(await peer.rest()).toMatchObject([{ id: 2, error: { code: 'invalid' } }, { method: 'error' }]);
  });

  test('a challenge after hello is an unknown method', async () => {
    const transport = await open(await serve());
    const call = transport.call('challenge', { nonce: new Uint8Array(32) }, { deadlineMs: 60_000 });
    await expect(call).rejects.toMatchObject({ code: 'unknown_method' });
  });

  test('a connection beyond the limit is refused at its hello, and reported', async () => {
    const server = await serve({ maxConnections: 2 });
    await open(server);
    const busy = { code: 'busy', message: '2 connections are open, which is the limit' };
    await expect(open(server)).rejects.toMatchObject(busy);
    await expect.poll(() => refused).toContainEqual(busy);
    expect(server.callers().length).toBe(2);
  });

  test.each(ways)(
    'callers without credentials lock nobody out, because the oldest of them is cut off: %s',
    async (_way, ofServer, ofCaller) => {
      const server = await serve({ security: ofServer, maxConnections: 4, maxStrangers: 3 });
      await open(server, ofCaller);
      const strangers = [];
      for (let i = 0; i < 12; i++) strangers.push(await openRawPeer(server.address));
      for (const stranger of strangers) closers.push(() => stranger.end());
      const transport = await open(server, ofCaller);
      expect(await transport.call('echo', { a: 1 }, { deadlineMs: 60_000 })).toMatchObject({ a: 1 });
      expect(await strangers[0]!.rest()).toEqual([]);
      expect(server.callers().length).toBe(4);
      await expect(open(server, ofCaller)).rejects.toMatchObject({ code: 'busy' });
    },
  );

  test('a refused caller counts as a stranger until its connection is closed', async () => {
    const server = await serve({ security: { secret }, maxStrangers: 2 });
    for (let i = 0; i < 6; i++) await expect(open(server)).rejects.toMatchObject({ code: 'unproven' });
    await open(server, { secret });
    expect(server.callers().length).toBe(2);
  });

  test('a handshake that never ends is cut, and does not prevent a server from closing', async () => {
    const server = await listen({ handlers: { hello }, security: { tls: shardTls }, helloMs: 200 });
    await openRawPeer(server.address).then((peer) => peer.rest());
    await server.close({ graceMs: 10 });
    const patient = await listen({ handlers: { hello }, security: { tls: shardTls }, helloMs: 3_600_000 });
    const peer = await openRawPeer(patient.address);
    closers.push(() => peer.end());
    await patient.close({ graceMs: 10 });
  });

  test('a TLS connection cannot be resumed without showing the certificate again', async () => {
    const { address } = await serve({ security: { tls: shardTls } });
    async function sessionOf(session?: Buffer): Promise<{ session: Buffer; resumed: boolean }> {
      const options = { ...address, ...gatewayTls.material(), ...(session && { session }) };
      const socket = connectTls(options);
      const given = new Promise<Buffer>((resolve) => socket.once('session', resolve));
      socket.on('data', () => {}); // TLS 1.3 sends sessions after the handshake, so the socket must be read
      const result = { session: await given, resumed: socket.isSessionReused() };
      socket.destroy();
      return result;
    }
    const { session } = await sessionOf();
    expect(await sessionOf(session)).toMatchObject({ resumed: false });
  });
});
