// Runs the edge as a Cloudflare Worker. A Worker has no timers between requests, so it makes no health checks.

import { SHORTEST_SECRET } from '../../resume/secrets.ts';
import { createEdge, type Edge } from './app.ts';
import type { Answer, Ask } from './ask.ts';
import { envelope, internal } from './errors.ts';
import type { LogEntry } from './send.ts';
import { webHashing } from './sign.ts';

interface Bindings {
  /** Origins of the gateways, separated by commas, such as `https://eu-1.example.com,https://eu-2.example.com`. */
  GATEWAYS: string;
  /** Secret that the edge shares with its gateways. Without it, streams cannot be continued. */
  EDGE_SECRET?: string;
  /** Place of this edge, which gateways log. */
  REGION?: string;
}

let edge: Edge | undefined;

export default {
  fetch(request: Request, bindings: Bindings): Response | Promise<Response> {
    try {
      edge ??= createEdge({
        ...settingsOf(bindings),
        ask,
        log,
        addressOf,
        hashing: webHashing,
        metrics: false,
        failsStreams: true,
      });
    } catch (cause) {
      log({ level: 'error', code: internal.code, message: 'the settings are wrong', cause: String(cause) });
      return Response.json(envelope(internal), { status: 500 });
    }
    return edge.fetch(request);
  },
};

function settingsOf({ GATEWAYS, EDGE_SECRET, REGION = 'local' }: Bindings) {
  const gateways = (GATEWAYS ?? '').split(',').map((each) => each.trim());
  const wrong = gateways.find((each) => !URL.canParse(each));
  if (wrong !== undefined) {
    throw new Error(`GATEWAYS has "${wrong}", which is no URL: set it in wrangler.toml`);
  }
  if (EDGE_SECRET !== undefined && EDGE_SECRET.length < SHORTEST_SECRET) {
    throw new Error(`EDGE_SECRET needs at least ${SHORTEST_SECRET} characters`);
  }
  return {
    gateways: [...new Set(gateways.map((each) => new URL(each).origin))],
    secret: EDGE_SECRET === undefined ? undefined : () => EDGE_SECRET,
    region: REGION,
  };
}

const ask: Ask = async (url, { method, headers, body, signal }): Promise<Answer> => {
  const answer = await fetch(url, { method, headers, body: body ?? null, redirect: 'manual', signal });
  if (!isCloudflares(answer)) return answer;
  await answer.body?.cancel();
  throw new Error(`Cloudflare answered ${answer.status} for the gateway`);
};

/**
 * True if Cloudflare answered instead of the gateway. If an origin is down, `fetch` on Cloudflare's network does not reject, but
 * returns Cloudflare's own page with a status of 520 to 530.
 */
function isCloudflares({ status }: Response): boolean {
  return status >= 520 && status <= 530;
}

/** The address that Cloudflare saw. */
function addressOf({ headers }: Request): string | undefined {
  return headers.get('cf-connecting-ip') ?? undefined;
}

/** One line of JSON. */
function log(entry: LogEntry): void {
  console.error(JSON.stringify(entry));
}
