import { expect, it } from 'vitest';
import { endToEnd, forGateway } from '../../infra/edge/headers.ts';

it('keeps the message and drops what belongs to one connection, by name or by the connection header', () => {
  const headers = new Headers({
    authorization: 'Bearer x',
    'x-request-id': 'r1',
    connection: 'close, X-Hop',
    'x-hop': '1',
    te: 'trailers',
    upgrade: 'h2c',
    'keep-alive': 'timeout=5',
  });
  expect(Object.fromEntries(endToEnd(headers))).toEqual({ authorization: 'Bearer x', 'x-request-id': 'r1' });
});

it('tells the gateway the address that Cloudflare saw, not the one the client claims', () => {
  const headers = new Headers({
    'cf-connecting-ip': '192.0.2.7',
    'x-forwarded-for': '10.0.0.1',
    host: 'edge',
  });
  expect(Object.fromEntries(forGateway(headers))).toEqual({ 'x-forwarded-for': '192.0.2.7' });
  expect(Object.fromEntries(forGateway(new Headers({ forwarded: 'for=1', 'x-forwarded-for': '1' })))).toEqual(
    {},
  );
});
