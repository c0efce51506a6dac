// An edge of any host before several stand-ins for gateways. Each host has its own way to start the edge; see on-node.ts and
// in-worker.ts.
import type { Region } from '../../../../infra/edge/regions/regions.ts';
import { answerWithUsage, type EdgeCalls, type Json } from '../accounts/edge-with-accounts.ts';
import { type Handle, type Seen, type StandIn, startStandIn } from '../stand-in.ts';

export interface FrontOptions {
  regions: readonly Region[];
  /** Origins of the web pages that may call. Absent: none. */
  corsOrigins?: readonly string[];
  /** Seconds for which requests wait while no gateway is ready. */
  coldStart?: number;
}

/** Starts an edge with accounts. It ends after the test file. */
export type OpenFront = (options: FrontOptions) => Promise<EdgeCalls>;

interface PostOptions {
  key?: string;
  path?: string;
  headers?: Record<string, string>;
  body?: object;
}

export interface Front extends EdgeCalls {
  gateways: StandIn[];
  /** Sends a request that generates, by default with a key without limits. */
  post(options?: PostOptions): Promise<Response>;
  /** Requests that generate, of all gateways or of one of them. */
  posts(gateway?: StandIn): Seen[];
  /** The gateways that have got requests since the last call, with the number of these requests. */
  served(): Map<StandIn, number>;
  /** What the operators' page shows of each gateway. */
  states(): Promise<Map<StandIn, Json>>;
}

/** Some places on Earth. Each region has `gatewaysEach` gateways. */
interface Shape extends Omit<FrontOptions, 'regions'> {
  regions: readonly Omit<Region, 'gateways' | 'weight'>[];
  gatewaysEach: number;
}

export async function openFront(open: OpenFront, { regions, gatewaysEach, ...rest }: Shape): Promise<Front> {
  const stands = await Promise.all(
    regions.map(() => Promise.all(Array.from({ length: gatewaysEach }, () => startStandIn(answerWithUsage)))),
  );
  const gateways = stands.flat();
  const placed = regions.map((region, i) => ({
    ...region,
    gateways: (stands[i] ?? []).map(({ url }) => url),
    weight: 1,
  }));
  const calls = await open({ ...rest, regions: placed });
  const standard = await calls.createKey({ name: 'standard' });
  const posts = (gateway?: StandIn) =>
    (gateway === undefined ? gateways : [gateway]).flatMap(({ seen }) =>
      seen.filter(({ method }) => method === 'POST'),
    );
  return {
    ...{ ...calls, gateways, posts },
    post({ key = standard, path = '/v1/completions', headers = {}, body = {} } = {}) {
      const text = JSON.stringify({ model: 'nano', prompt: 'hi', max_tokens: 4, ...body });
      return calls.fetch(path, { method: 'POST', key, headers, body: text });
    },
    served() {
      const counts = gateways.map((gateway): [StandIn, number] => [gateway, posts(gateway).length]);
      for (const { seen } of gateways) seen.length = 0;
      return new Map(counts.filter(([, count]) => count > 0));
    },
    async states() {
      const { body } = await calls.admin('GET', '/status');
      const states: Json[] = body.regions.flatMap((region: Json) => region.gateways);
      return new Map(gateways.map((gateway) => [gateway, states.find(({ url }) => url === gateway.url)]));
    },
  };
}

/** Answers requests that generate with `status`, and all others as a gateway that works. */
export function answerWith(status: number, headers: Record<string, string> = {}): Handle {
  return onPost((_seen, response) => {
    const type = { 'content-type': 'application/json' };
    response.writeHead(status, { ...type, ...headers }).end(JSON.stringify({ error: { code: status } }));
  });
}

/** Closes the connection of requests that generate without an answer. */
export const loseConnection = onPost((_seen, response) => void response.destroy());

/** Answers other requests than those that generate as a gateway that works. */
export function onPost(handle: Handle): Handle {
  return (seen, response, request) =>
    (seen.method === 'POST' ? handle : answerWithUsage)(seen, response, request);
}
