// Selects the headers that the edge Worker relays.

/** Headers of one connection, which must not be relayed (RFC 9110, 7.6.1). */
const hopByHop = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];

/** A copy without the hop-by-hop headers and without the headers that `connection` names. */
export function endToEnd(headers: Headers): Headers {
  const kept = new Headers(headers);
  const named = (headers.get('connection') ?? '').split(',').map((name) => name.trim());
  for (const name of [...hopByHop, ...named]) if (name !== '') kept.delete(name);
  return kept;
}

/**
 * The request headers for the gateway. `x-forwarded-for` is the client's address as Cloudflare saw it (`cf-connecting-ip`). Headers
 * in which the client states its own address are dropped, because they may be false. `fetch` sets `host` to that of the gateway.
 */
export function forGateway(headers: Headers): Headers {
  const sent = endToEnd(headers);
  const address = headers.get('cf-connecting-ip');
  for (const name of ['host', 'forwarded', 'x-forwarded-for', 'cf-connecting-ip']) sent.delete(name);
  if (address !== null) sent.set('x-forwarded-for', address);
  return sent;
}
