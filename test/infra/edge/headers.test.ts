import { expect, it } from 'vitest';
import { endToEnd, forGateway, ofAnswer } from '../../../infra/edge/requests/headers.ts';

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

it('forGateway sends the client address that the host saw, not the one that the client states', () => {
  const headers = new Headers({
    'cf-connecting-ip': '10.0.0.2',
    'x-forwarded-for': '10.0.0.1',
    'x-real-ip': '10.0.0.1',
    forwarded: 'for=1',
    host: 'edge',
  });
  expect(Object.fromEntries(forGateway(headers, { address: '192.0.2.7' }))).toEqual({
    'x-forwarded-for': '192.0.2.7',
  });
  expect(Object.fromEntries(forGateway(headers))).toEqual({});
});

it('forGateway drops headers that only an edge may send, and the credentials of the caller if the edge signs', () => {
  const headers = new Headers({
    accept: 'text/event-stream',
    authorization: 'Bearer x',
    'x-api-key': 'x',
    'x-expertgrid-caller': '{}',
    'x-expertgrid-signature': 'v1=x',
    'x-expertgrid-record': '2',
    'x-expertgrid-forwarded': 'x',
  });
  expect(Object.fromEntries(forGateway(headers))).toEqual({
    accept: 'text/event-stream',
    authorization: 'Bearer x',
    'x-api-key': 'x',
  });
  expect(Object.fromEntries(forGateway(headers, { signed: true }))).toEqual({ accept: 'text/event-stream' });
});

it('ofAnswer drops the length, and the encoding of a body that the host has decoded', () => {
  const headers = new Headers({
    'content-length': '9',
    'content-encoding': 'gzip',
    'x-expertgrid-seed': '7',
    'keep-alive': 'timeout=5',
  });
  const decoded = ofAnswer(headers, { decoded: true, signed: false });
  expect(Object.fromEntries(decoded)).toEqual({ 'x-expertgrid-seed': '7' });
  expect(ofAnswer(headers, { decoded: false, signed: false }).get('content-encoding')).toBe('gzip');
});

it('ofAnswer drops what the gateway says about pages if the edge signs, because the gateway does not know the page', () => {
  const headers = new Headers({
    'access-control-allow-origin': '*',
    'access-control-expose-headers': 'x-request-id',
    vary: 'Origin',
  });
  expect(Object.fromEntries(ofAnswer(headers, { decoded: false, signed: true }))).toEqual({ vary: 'Origin' });
  expect(ofAnswer(headers, { decoded: false, signed: false }).get('access-control-allow-origin')).toBe('*');
});
