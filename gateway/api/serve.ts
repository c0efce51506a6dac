// Serves an application on a port. Before a server closes, it waits for the requests in progress.
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { getRequestListener, RequestError } from '@hono/node-server';
import { ApiError, badRequest, toApiError } from './errors.ts';

export interface App {
  fetch: (request: Request) => Response | Promise<Response>;
  /** Called for each connection that the server accepts. */
  onConnection?: () => void;
  /** Answers for health and metrics only, without keys. Absent: `fetch` answers for health itself. */
  status?: (request: Request) => Response | Promise<Response>;
}

export interface ServeOptions {
  app: App;
  /** 0 selects any free port. */
  port: number;
  host?: string;
  connections?: Partial<ConnectionLimits>;
}

export interface ConnectionLimits {
  /** How long a connection stays open after its last answer. The header `Keep-Alive` announces this time. */
  keepAliveMs: number;
  /** Largest number of idle connections. Beyond it, the connection that has been idle longest is closed. */
  idle: number;
  /** Time for the headers of a request, from its first byte or the start of a new connection. After this time it gets a 408. */
  headersMs: number;
  /** Time for a whole request, such as a slow upload. After this time it gets a 408. */
  requestMs: number;
  /** How long bytes of an answer may wait while the client takes none. After this time the connection is cut. */
  unreadMs: number;
}

/**
 * keepAliveMs: clients reuse idle connections without a check, so a server that closes them earlier than the client may reset a
 * request. undici keeps them for 4 s, aiohttp for 15 s, nginx for 60 s and Go for 90 s. requestMs: 10 MiB in five minutes are 35
 * KB/s. unreadMs: longer than `stallMs` of the API, so that a client that reads again gets the error that ended its stream.
 */
export const defaultConnections: ConnectionLimits = {
  keepAliveMs: 75_000,
  idle: 1024,
  headersMs: 60_000,
  requestMs: 300_000,
  unreadMs: 120_000,
};

export interface ApiServer {
  readonly host: string;
  readonly port: number;
  /** Number of requests in progress. */
  readonly open: number;
  /**
   * Closes idle connections that have had an answer, and all others after their answer. New connections are still accepted. A load
   * balancer leads the next connection of a client to another gateway, but an idle one would still lead here.
   */
  drain(): void;
  /** Resolves to true as soon as no request is in progress, or to false after `withinMs`. */
  idle(withinMs: number): Promise<boolean>;
  /** Accepts no new connections, cuts the requests that have not ended after `graceMs`, and returns their number. */
  close(graceMs: number): Promise<number>;
}

/** After this time the kernel begins to probe a silent connection, to find out whether its client is gone. */
const KEEP_ALIVE_PROBE_MS = 30_000;

/** Resolves when the port is bound. Rejects if the port cannot be bound. */
export async function serve(options: ServeOptions): Promise<ApiServer> {
  const { app, port, host = '127.0.0.1' } = options;
  const limits = { ...defaultConnections, ...options.connections };
  const connections = new Connections(limits);
  const answer = async (request: Request, { incoming }: { incoming: { httpVersion: string } }) => {
    return sentAtOnce(await app.fetch(request), incoming.httpVersion);
  };
  const listener = getRequestListener(answer, {
    overrideGlobalObjects: false,
    // For requests by HTTP/1.0 without the header `Host`. Node itself refuses those by HTTP/1.1.
    hostname: 'localhost',
    errorHandler: refuse,
  });
  const server = createServer(timeouts(limits), (incoming: IncomingMessage, outgoing: ServerResponse) => {
    connections.addAnswer(incoming.socket, outgoing);
    void listener(incoming, outgoing);
  });
  server.on('connection', (socket: Socket) => {
    connections.add(socket);
    app.onConnection?.();
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    if (socket.writable && !connections.hasBegunAnswer(socket)) socket.write(refusal(error));
    socket.destroySoon();
  });

  async function end(graceMs: number): Promise<number> {
    const closed = once(server, 'close');
    server.close();
    connections.refuse();
    await connections.allAnswered(graceMs);
    const cut = connections.cut();
    await closed;
    return cut;
  }

  server.listen(port, host);
  await once(server, 'listening');
  const address = server.address() as AddressInfo;
  let closing: Promise<number> | undefined;
  return {
    host,
    port: address.port,
    get open() {
      return connections.open;
    },
    drain: () => connections.drain(),
    idle: (withinMs) => connections.allAnswered(withinMs),
    close(graceMs) {
      closing ??= end(graceMs);
      return closing;
    },
  };
}

/** The connections of a server, and the answers in progress on each. */
class Connections {
  /** Number of answers in progress. */
  open = 0;
  readonly #answers = new Map<Socket, Set<ServerResponse>>();
  /** Sockets without an answer in progress. The socket that has been idle longest comes first. */
  readonly #idle = new Set<Socket>();
  readonly #mostIdle: number;
  readonly #unreadMs: number;
  /** Called when no answer is in progress any more. */
  readonly #waiters = new Set<() => void>();
  /** `draining`: connections end after an answer. `refusing`: idle connections that have had no answer also end at once. */
  #state: 'serving' | 'draining' | 'refusing' = 'serving';

  constructor({ idle, unreadMs }: ConnectionLimits) {
    this.#mostIdle = idle;
    this.#unreadMs = unreadMs;
  }

  add(socket: Socket): void {
    socket.setKeepAlive(true, KEEP_ALIVE_PROBE_MS);
    this.#answers.set(socket, new Set());
    this.#rest(socket);
    socket.once('close', () => {
      this.#answers.delete(socket);
      this.#idle.delete(socket);
    });
  }

  addAnswer(socket: Socket, answer: ServerResponse): void {
    const own = this.#answers.get(socket) ?? new Set();
    this.open++;
    own.add(answer);
    this.#idle.delete(socket);
    if (this.#state !== 'serving') answer.shouldKeepAlive = false;
    // Called when nothing was sent or received for this time. An answer that is still computed has no bytes that wait.
    answer.setTimeout(this.#unreadMs, () => {
      if (socket.writableLength > 0) socket.destroy();
    });
    answer.once('close', () => {
      this.open--;
      own.delete(answer);
      if (this.open === 0) for (const wake of this.#waiters) wake();
      if (own.size > 0 || socket.destroyed) return;
      if (this.#state !== 'serving') socket.destroySoon();
      else this.#rest(socket);
    });
  }

  hasBegunAnswer(socket: Socket): boolean {
    return [...(this.#answers.get(socket) ?? [])].some((answer) => answer.headersSent);
  }

  drain(): void {
    if (this.#state === 'serving') this.#state = 'draining';
    for (const own of this.#answers.values()) for (const answer of own) answer.shouldKeepAlive = false;
    // The first request of a connection without an answer may be on its way.
    for (const socket of this.#idle) if (socket.bytesWritten > 0) socket.destroySoon();
  }

  /** Closes all idle connections, which would keep the server from closing. HTTP lets a server close them at any time. */
  refuse(): void {
    this.drain();
    this.#state = 'refusing';
    for (const socket of this.#idle) socket.destroy();
  }

  /** Resolves to true as soon as no answer is in progress, or to false after `withinMs`. */
  allAnswered(withinMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const settle = () => {
        clearTimeout(timer);
        this.#waiters.delete(settle);
        resolve(this.open === 0);
      };
      const timer = setTimeout(settle, withinMs);
      this.#waiters.add(settle);
      if (this.open === 0) settle();
    });
  }

  /** If answers are still in progress, ends every connection. Returns the number of these answers. */
  cut(): number {
    const { open } = this;
    if (open > 0) for (const socket of this.#answers.keys()) socket.destroy();
    return open;
  }

  #rest(socket: Socket): void {
    if (this.#state === 'refusing') return void socket.destroy();
    this.#idle.add(socket);
    const [longest] = this.#idle;
    if (this.#idle.size > this.#mostIdle) longest?.destroy();
  }
}

/**
 * Without this header, @hono/node-server waits up to 1 ms for the end of a stream before it sends the stream's first bytes, so that it
 * can send a length. HTTP/1.0 has no such header.
 */
function sentAtOnce(response: Response, httpVersion: string): Response {
  const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') === true;
  if (isStream && httpVersion === '1.1') response.headers.set('transfer-encoding', 'chunked');
  return response;
}

/** Node checks for late requests at intervals of a quarter of the shorter time limit, but of at most this time. */
const LONGEST_CHECK_MS = 10_000;

function timeouts({ keepAliveMs, headersMs, requestMs }: ConnectionLimits) {
  return {
    keepAliveTimeout: keepAliveMs,
    /** Added to the announced time, so that a request that is sent at the end of the announced time still arrives. */
    keepAliveTimeoutBuffer: 1_000,
    headersTimeout: Math.min(headersMs, requestMs),
    requestTimeout: requestMs,
    connectionsCheckingInterval: Math.min(LONGEST_CHECK_MS, Math.ceil(Math.min(headersMs, requestMs) / 4)),
  };
}

/** Answers by the code of Node's error. An error with any other code is a 400. */
const faultsOfRequests: Record<string, { status: number; message: string }> = {
  ERR_HTTP_REQUEST_TIMEOUT: { status: 408, message: 'Your request did not arrive in time.' },
  HPE_HEADER_OVERFLOW: { status: 431, message: 'The headers of your request are too large.' },
};

/** The bytes of the answer to input that is not a valid HTTP request. */
function refusal({ code = '', message: why }: NodeJS.ErrnoException): string {
  const { status, message } = faultsOfRequests[code] ?? {
    status: 400,
    message: `Your request is not valid HTTP: ${why}`,
  };
  const body = JSON.stringify(new ApiError({ status, message }).envelope);
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ];
  return `${head.join('\r\n')}\r\n\r\n${body}`;
}

/** Answers a request that the application cannot get, because its Host and target do not form a URL. */
function refuse(thrown: unknown): Response {
  const error = thrown instanceof RequestError ? badRequest(thrown.message) : toApiError(thrown);
  return Response.json(error.envelope, { status: error.status });
}
