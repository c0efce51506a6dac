// Runs the edge on Node: sends requests with node:http, because fetch fails if the headers of an answer take more than five minutes,
// and checks the gateways.
import { createHmac, hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { createEdge, type Edge, type EdgeOptions } from './app.ts';
import { type Answer, type Ask, type Asked, NotSent } from './ask.ts';
import { memoryDemand } from './demand/demand.ts';
import { startChecks } from './gateways/checks.ts';
import { readPlace } from './regions/distance.ts';
import type { Hashing } from './sign.ts';

export const nodeHashing: Hashing = {
  sha256: (bytes) => hash('sha256', bytes, 'hex'),
  hmac: (secret, text) => createHmac('sha256', secret).update(text).digest('base64url'),
};

/** Where the caller is, such as `50.1,8.7`, if a proxy in front of the edge knows it. */
const PLACE_HEADER = 'x-expertgrid-place';

/** Bytes. */
export const BODY_MEMORY = 256 * 1024 * 1024;

/** Idle connections to each gateway. */
const MOST_IDLE = 256;

export interface NodeEdge extends Edge {
  /** Resolves when every gateway has been checked once. */
  readonly checked: Promise<unknown>;
  close(): void;
}

export interface NodeEdgeOptions
  extends Omit<
    EdgeOptions,
    'ask' | 'hashing' | 'metrics' | 'failsStreams' | 'addressOf' | 'placeOf' | 'bodyMemory' | 'demand'
  > {
  /** Default: `BODY_MEMORY`. */
  bodyMemory?: number;
  /** Time between two health checks of a gateway. */
  everyMs?: number;
  /** A gateway that takes longer to answer a health check is silent. */
  patienceMs?: number;
  /** The requests at a silent gateway are kept for this time if no other gateway is healthy. */
  aloneMs?: number;
}

export function createNodeEdge({ everyMs, patienceMs, aloneMs, ...options }: NodeEdgeOptions): NodeEdge {
  const { ask, close } = nodeAsk();
  // @hono/node-server would append a text to a stream that fails.
  const placeOf = ({ headers }: Request) => readPlace(headers.get(PLACE_HEADER));
  const edge = createEdge({
    page: readFileSync(new URL('page/edge.html', import.meta.url), 'utf8'),
    bodyMemory: BODY_MEMORY,
    demand: memoryDemand(),
    ...options,
    ask,
    hashing: nodeHashing,
    placeOf,
    metrics: true,
    failsStreams: false,
  });
  const log = (message: string) => options.log({ level: 'info', code: 'gateway_health', message });
  const checks = startChecks(edge.gateways, {
    ...{ ask, log },
    ...(everyMs !== undefined && { everyMs }),
    ...(patienceMs !== undefined && { patienceMs }),
    ...(aloneMs !== undefined && { aloneMs }),
  });
  return {
    ...edge,
    checked: checks.first,
    close() {
      checks.stop();
      close();
    },
  };
}

/** Keeps connections for later requests until `close`. */
export function nodeAsk(): { ask: Ask; close: () => void } {
  const options = { keepAlive: true, maxFreeSockets: MOST_IDLE, noDelay: true };
  const http = new HttpAgent(options);
  const https = new HttpsAgent(options);

  function begin(
    url: string,
    { method, headers, body, signal }: Asked,
    take: (answer: IncomingMessage) => void,
  ) {
    // Node states no length for a body of some methods, so that the gateway would read the body as another request.
    const length = body === undefined ? {} : { 'content-length': String(body.length) };
    const sent = { method, headers: { ...Object.fromEntries(headers), ...length }, signal };
    return url.startsWith('https:')
      ? httpsRequest(url, { ...sent, agent: https }, take)
      : httpRequest(url, { ...sent, agent: http }, take);
  }

  const ask: Ask = (url, asked) =>
    new Promise((resolve, reject) => {
      const request = begin(url, asked, (answer) => resolve(toAnswer(answer)));
      request.on('error', (cause) => reject(request.writableFinished ? cause : new NotSent(cause)));
      request.end(asked.body);
    });
  const close = () => {
    http.destroy();
    https.destroy();
  };
  return { ask, close };
}

function toAnswer(answer: IncomingMessage): Answer {
  const headers = new Headers();
  for (const [name, values = []] of Object.entries(answer.headersDistinct)) {
    for (const value of values) headers.append(name, value);
  }
  return { status: answer.statusCode ?? 0, headers, body: bodyOf(answer) };
}

/** Reads only when it is read, so that a slow client slows its gateway down. */
function bodyOf(answer: IncomingMessage): ReadableStream<Uint8Array> {
  const chunks: AsyncIterator<Buffer> = answer.iterator();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await chunks.next();
        if (done === true) controller.close();
        else controller.enqueue(value);
      },
      cancel: () => void answer.destroy(),
    },
    { highWaterMark: 0 },
  );
}
