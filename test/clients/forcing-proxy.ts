// A proxy that adds a `tool_choice` to the first request of a conversation with tools and passes everything else on
// unchanged. It is needed because a model with random weights never chooses a tool by itself. It handles the three
// syntaxes in which APIs name a tool.
import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';

/** A request that went through the proxy, with its answer. */
export interface Exchange {
  method: string;
  /** Path with the query. */
  path: string;
  /** Body that the client sent, decoded. Empty if there is no body. */
  body: string;
  /** Whether `tool_choice` was added. */
  forced: boolean;
  status: number;
  /** The whole answer, or all events of a stream. */
  answer: string;
}

export interface ForcingProxy {
  /** URL to use in place of the gateway's, without `/v1`. */
  url: string;
  /** Exchanges in the order in which their answers ended. */
  exchanges: readonly Exchange[];
  close(): Promise<void>;
}

export interface ForcingOptions {
  /** URL of the gateway, without `/v1`. */
  target: string;
  /** The proxy forces the first of these tools that the request offers. */
  tools: readonly string[];
  /** Number of requests that are forced. Default: 1. */
  times?: number;
}

type Body = Record<string, unknown>;

/** For the last part of each path, the function that makes a `tool_choice` for that API. */
const forced: Record<string, (name: string) => unknown> = {
  'chat/completions': (name) => ({ type: 'function', function: { name } }),
  responses: (name) => ({ type: 'function', name }),
  messages: (name) => ({ type: 'tool', name }),
};

/** Starts a proxy on loopback that runs until it is closed. */
export async function startForcingProxy({ target, tools, times = 1 }: ForcingOptions): Promise<ForcingProxy> {
  const exchanges: Exchange[] = [];
  let left = times;
  const force = (path: string, text: string): string | undefined => {
    if (left === 0) return undefined;
    const changed = withForcedTool(path, text, tools);
    if (changed !== undefined) left--;
    return changed;
  };
  const server = createServer((incoming, outgoing) => {
    passOn(incoming, outgoing, { target, force, tell: (exchange) => exchanges.push(exchange) }).catch(() =>
      outgoing.destroy(),
    );
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { url: `http://127.0.0.1:${portOf(server)}`, exchanges, close: () => closeServer(server) };
}

/** The body with a `tool_choice`. Undefined if the request offers none of the tools. */
export function withForcedTool(path: string, text: string, tools: readonly string[]): string | undefined {
  const [pathname = ''] = path.split('?');
  const shape = Object.entries(forced).find(([end]) => pathname.endsWith(`/${end}`))?.[1];
  if (shape === undefined || text === '') return undefined;
  const body = JSON.parse(text) as Body;
  const offered = namesOf(body.tools);
  const name = tools.find((each) => offered.includes(each));
  return name === undefined ? undefined : JSON.stringify({ ...body, tool_choice: shape(name) });
}

/** Tools of the request, including those in namespaces of the Responses API. */
function namesOf(tools: unknown): unknown[] {
  if (!Array.isArray(tools)) return [];
  return tools.flatMap((tool: { name?: unknown; function?: { name?: unknown }; tools?: unknown }) => {
    return tool.tools === undefined ? [tool.name ?? tool.function?.name] : namesOf(tool.tools);
  });
}

interface PassOn {
  target: string;
  force(path: string, text: string): string | undefined;
  tell(exchange: Exchange): void;
}

const decoders: Record<string, (bytes: Buffer) => Buffer> = {
  identity: (bytes) => bytes,
  gzip: (bytes) => gunzipSync(bytes),
  zstd: (bytes) => zstdDecompressSync(bytes),
};

async function passOn(incoming: IncomingMessage, outgoing: ServerResponse, { target, force, tell }: PassOn) {
  const { method = 'GET', url: path = '/', headers } = incoming;
  const bytes = Buffer.concat(await incoming.toArray());
  const decode = decoders[headers['content-encoding'] ?? 'identity'];
  if (decode === undefined)
    throw new Error(`the proxy cannot decode content-encoding ${headers['content-encoding']}`);
  const body = decode(bytes).toString();
  const changed = method === 'POST' ? force(path, body) : undefined;
  const sent = changed === undefined ? bytes : Buffer.from(changed);
  const { host: _, 'content-length': __, 'transfer-encoding': ___, ...kept } = headers;
  if (changed !== undefined) delete kept['content-encoding'];
  const onward = request(`${target}${path}`, {
    method,
    headers: { ...kept, ...(sent.length > 0 && { 'content-length': sent.length }) },
  });
  outgoing.on('close', () => onward.destroy());
  onward.end(sent);
  const [answer] = (await once(onward, 'response')) as [IncomingMessage];
  outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
  let said = '';
  const decoder = new TextDecoder();
  for await (const piece of answer as AsyncIterable<Buffer>) {
    said += decoder.decode(piece, { stream: true });
    outgoing.write(piece);
  }
  outgoing.end();
  tell({ method, path, body, forced: changed !== undefined, status: answer.statusCode ?? 0, answer: said });
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has no port');
  return address.port;
}

async function closeServer(server: Server): Promise<void> {
  server.close();
  server.closeAllConnections();
  await once(server, 'close');
}
