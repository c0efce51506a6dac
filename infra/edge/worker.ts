// The edge Worker: relays the API of one region's gateway, including streams. It knows no models, keys or other regions.
import { Hono } from 'hono';
import { type EdgeError, envelope, logFailure } from './errors.ts';
import { relayEvents } from './event-stream.ts';
import { endToEnd, forGateway } from './headers.ts';

interface Bindings {
  /** Origin of the region's gateway, such as `https://eu.example.com`. */
  GATEWAY_URL: string;
}

const unreachable: EdgeError = {
  message: 'The gateway could not be reached, or closed the connection without an answer. Try again.',
  code: 'gateway_unreachable',
};

const app = new Hono<{ Bindings: Bindings }>({ strict: false });

for (const path of ['/v1/*', '/health/*']) app.all(path, (c) => relay(c.req.raw, c.env.GATEWAY_URL));

app.notFound((c) => {
  const error = { message: `Invalid URL (${c.req.method} ${c.req.path})`, code: 'unknown_url' };
  return c.json(envelope(error, 'invalid_request_error'), 404);
});

app.onError((cause, c) => {
  const error = { message: 'The edge had an error while relaying your request.', code: 'edge_internal' };
  logFailure(error, c.req.raw, cause);
  return c.json(envelope(error), 500);
});

export default app;

async function relay(request: Request, gateway: string): Promise<Response> {
  const url = target(request.url, gateway);
  let answer: Response;
  try {
    answer = await fetch(url, {
      method: request.method,
      headers: forGateway(request.headers),
      body: request.body,
      redirect: 'manual',
      signal: request.signal,
    });
  } catch (cause) {
    return badGateway(request, cause);
  }
  if (isCloudflares(answer)) {
    await answer.body?.cancel();
    return badGateway(request, `Cloudflare answered ${answer.status} for the gateway`);
  }
  return relayed(answer);
}

/** The URL at the gateway's origin, with the path and query of the client's URL. */
function target(url: string, gateway: string): URL {
  if (!URL.canParse(gateway))
    throw new Error(`GATEWAY_URL is "${gateway}", which is no URL: set it in wrangler.toml`);
  const { pathname, search } = new URL(url);
  const at = new URL(gateway);
  at.pathname = pathname;
  at.search = search;
  return at;
}

/**
 * True if Cloudflare answered instead of the gateway. If an origin is down, `fetch` on Cloudflare's network does not reject, but
 * returns Cloudflare's own page with a status of 520 to 530.
 */
function isCloudflares({ status }: Response): boolean {
  return status >= 520 && status <= 530;
}

function badGateway(request: Request, cause: unknown): Response {
  // If the client has left, nobody reads the answer, and the failure is not the gateway's fault.
  if (!request.signal.aborted) logFailure(unreachable, request, cause);
  return Response.json(envelope(unreachable), { status: 502 });
}

function relayed({ status, statusText, headers, body }: Response): Response {
  const sent = endToEnd(headers);
  if (body === null || !(headers.get('content-type') ?? '').startsWith('text/event-stream'))
    return new Response(body, { status, statusText, headers: sent });
  // The runtime has decoded the body that `relayEvents` reads, and `relayEvents` may change its length.
  for (const name of ['content-encoding', 'content-length']) sent.delete(name);
  return new Response(relayEvents(body), { status, statusText, headers: sent });
}
