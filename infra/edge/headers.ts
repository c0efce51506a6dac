// Which headers cross the edge. Knows HTTP's hops and what Cloudflare adds; no route.

/** Of one connection, not of the message: RFC 9110, 7.6.1. */
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

/** A copy without the hop-by-hop headers, those that `connection` names among them. */
export function endToEnd(headers: Headers): Headers {
  const kept = new Headers(headers);
  const named = (headers.get('connection') ?? '').split(',').map((name) => name.trim());
  for (const name of [...hopByHop, ...named]) if (name !== '') kept.delete(name);
  return kept;
}

/**
 * The request's headers as the gateway gets them. The client's address is what Cloudflare saw (`cf-connecting-ip`); what
 * the client claims about it is dropped, for anyone can write anything there. `host` is the gateway's.
 */
export function forGateway(headers: Headers): Headers {
  const sent = endToEnd(headers);
  const address = headers.get('cf-connecting-ip');
  for (const name of ['host', 'forwarded', 'x-forwarded-for', 'cf-connecting-ip']) sent.delete(name);
  if (address !== null) sent.set('x-forwarded-for', address);
  return sent;
}
