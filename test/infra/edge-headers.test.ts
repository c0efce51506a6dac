import { expect, it } from 'vitest';
import { endToEnd, forGateway } from '../../infra/edge/headers.ts';

it('endToEnd drops hop-by-hop headers and those that the connection header names, and keeps the others', () => {
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

it('forGateway sends the client address that Cloudflare saw, not the one that the client states', () => {
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
