// A collector of spans for tests: accepts OTLP over HTTP on loopback and decodes the parts of its protobuf that spans use.
//
// Field numbers: https://github.com/open-telemetry/opentelemetry-proto (trace.proto, common.proto, resource.proto)
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';

export interface ReadSpan {
  traceId: string;
  spanId: string;
  /** Empty if the span is a root. */
  parentId: string;
  traceState: string;
  name: string;
  /** 1 is internal, 2 is server. */
  kind: number;
  /** Milliseconds since 1970. */
  startMs: number;
  endMs: number;
  attributes: Record<string, unknown>;
  /** 0 is unset, 2 is error. */
  status: number;
  resource: Record<string, unknown>;
}

export interface Collector {
  url: string;
  readonly spans: readonly ReadSpan[];
  readonly headers: readonly IncomingHttpHeaders[];
  close(): void;
}

/** With `answers: false`, the collector accepts requests and never answers them. */
export async function openCollector({ answers = true } = {}): Promise<Collector> {
  const spans: ReadSpan[] = [];
  const headers: IncomingHttpHeaders[] = [];
  const server = createServer(async (request, response) => {
    const body: Buffer[] = [];
    for await (const piece of request) body.push(piece);
    headers.push(request.headers);
    spans.push(...readSpans(Buffer.concat(body)));
    if (answers) response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has no port');
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${address.port}`, spans, headers, close };
}

/** Spans of an encoded ExportTraceServiceRequest. */
export function readSpans(bytes: Buffer): ReadSpan[] {
  return messages(bytes, 1).flatMap((ofResource) => {
    const resource = attributesOf(messages(ofResource, 1)[0] ?? Buffer.alloc(0), 1);
    const scopes = messages(ofResource, 2);
    return scopes.flatMap((scope) => messages(scope, 2)).map((span) => readSpan(span, resource));
  });
}

function readSpan(span: Buffer, resource: Record<string, unknown>): ReadSpan {
  const [status] = messages(span, 15);
  return {
    traceId: messages(span, 1)[0]?.toString('hex') ?? '',
    spanId: messages(span, 2)[0]?.toString('hex') ?? '',
    parentId: messages(span, 4)[0]?.toString('hex') ?? '',
    traceState: messages(span, 3)[0]?.toString() ?? '',
    name: messages(span, 5)[0]?.toString() ?? '',
    kind: Number(number(span, 6)),
    startMs: Number(number(span, 7)) / 1e6,
    endMs: Number(number(span, 8)) / 1e6,
    attributes: attributesOf(span, 9),
    status: status === undefined ? 0 : Number(number(status, 3)),
    resource,
  };
}

function attributesOf(message: Buffer, field: number): Record<string, unknown> {
  const pairs = messages(message, field).map((pair) => {
    const [key, value] = [messages(pair, 1)[0], messages(pair, 2)[0]];
    return [key?.toString(), value === undefined ? undefined : anyValue(value)];
  });
  return Object.fromEntries(pairs);
}

function anyValue(value: Buffer): unknown {
  for (const { field, content } of fields(value)) {
    if (field === 1) return content.toString();
    if (field === 2) return content[0] === 1;
    if (field === 3) return Number(content.readBigInt64LE());
    if (field === 4) return content.readDoubleLE();
    if (field === 5) return messages(content, 1).map(anyValue);
  }
  return undefined;
}

const messages = (message: Buffer, field: number) =>
  fields(message).flatMap((each) => (each.field === field ? [each.content] : []));

function number(message: Buffer, field: number): bigint {
  return messages(message, field)[0]?.readBigUInt64LE() ?? 0n;
}

/** Fields of a protobuf message. Numbers of every encoding become 8 little-endian bytes. */
function fields(message: Buffer): { field: number; content: Buffer }[] {
  const found: { field: number; content: Buffer }[] = [];
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = BigInt(message[at++] ?? 0);
      value |= (byte & 0x7fn) << shift;
      if (byte < 0x80n) return value;
    }
  };
  const wide = (value: bigint) => {
    const content = Buffer.alloc(8);
    content.writeBigUInt64LE(BigInt.asUintN(64, value));
    return content;
  };
  while (at < message.length) {
    const tag = Number(varint());
    const [field, type] = [tag >> 3, tag & 7];
    if (type === 0) found.push({ field, content: wide(varint()) });
    else {
      const size = type === 1 ? 8 : type === 5 ? 4 : Number(varint());
      const content = message.subarray(at, at + size);
      found.push({ field, content: type === 5 ? wide(BigInt(content.readUInt32LE())) : content });
      at += size;
    }
  }
  return found;
}
