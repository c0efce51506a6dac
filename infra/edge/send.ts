// Sends one request of a client to one gateway, with the record of a stream if the request continues one.
import type { StreamRecord } from '../../resume/record.ts';
import { type Claims, RECORD_HEADER } from '../../resume/signed-request.ts';
import { type Answer, type Ask, joined, NotSent } from './ask.ts';
import type { Counts } from './counts.ts';
import type { Attempt, Gateway, Gateways } from './gateways/gateways.ts';
import type { RepeatBudget } from './repeats.ts';
import type { BodyMemory } from './requests/body-memory.ts';
import type { Call } from './requests/call.ts';
import type { Hashing, Sign } from './sign.ts';

/** The parts of an edge that all requests share. */
export interface Shared {
  ask: Ask;
  gateways: Gateways;
  /** Undefined: the edge has no secret. It relays the caller's key, and cannot continue streams. */
  sign: Sign | undefined;
  hashing: Hashing;
  /** The place of this edge, which gateways log. */
  region: string;
  /** Of repeats after error answers. */
  budget: RepeatBudget;
  /** Of requests that leave a region that is full. */
  spills: RepeatBudget;
  counts: Counts;
  /** Of the bodies of open requests. */
  memory: BodyMemory;
  log: (entry: LogEntry) => void;
  /** Aborted when the edge ends all open requests. */
  cutSignal: AbortSignal;
  /** Time without a byte after which a stream counts as lost. */
  silentMs: number;
  /** See `RelayOptions` of event-stream.ts. */
  failsStreams: boolean;
  /** Time for which a request waits while no gateway is ready. */
  coldStartMs: number;
}

export interface LogEntry {
  level: 'info' | 'warn' | 'error';
  code: string;
  message: string;
  request?: string;
  gateway?: string;
  cause?: string;
}

export interface Reply extends Answer {
  attempt: Attempt;
}

/** The status of a gateway whose queue is full. */
export const BUSY = 429;

/** Statuses of a gateway that cannot serve, or of a proxy that cannot reach its gateway. */
const UNAVAILABLE: ReadonlySet<number> = new Set([502, 503, 504]);

export function isUnavailable(status: number): boolean {
  return UNAVAILABLE.has(status);
}

/** Rejects as `Ask` if the gateway gives no answer, or if the client leaves. The caller must end the attempt of the reply. */
export async function send(
  call: Call,
  gateway: Gateway,
  { shared, record }: { shared: Shared; record?: StreamRecord | undefined },
): Promise<Reply> {
  const { ask, gateways, counts } = shared;
  const attempt = gateways.begin(gateway, call.signal);
  counts.add('requests', gateway.url);
  try {
    const { headers, body } = await contentOf(call, shared, record);
    const { method, path, query } = call;
    const answer = await ask(`${gateway.url}${path}${query}`, {
      method,
      headers,
      body,
      signal: attempt.signal,
    });
    const { status, body: content } = answer;
    if (isUnavailable(status)) attempt.failed();
    else attempt.answered();
    return { status, headers: answer.headers, body: content, attempt };
  } catch (thrown) {
    if (!call.signal.aborted) attempt.failed();
    attempt.end();
    const cause = attempt.causeOf(thrown);
    throw thrown instanceof NotSent ? new NotSent(cause) : cause;
  }
}

/** The headers and the body of one request. Each has its own signature. */
async function contentOf(call: Call, { sign, hashing, region }: Shared, record: StreamRecord | undefined) {
  const { method, path, kind, id, answer, caller } = call;
  const headers = new Headers(call.headers);
  let { body } = call;
  if (sign === undefined) return { headers, body };
  if (record !== undefined) {
    const json = new TextEncoder().encode(JSON.stringify(record));
    headers.set(RECORD_HEADER, String(json.length));
    body = joined(body === undefined ? [json] : [json, body]);
  }
  const claims: Omit<Claims, 'time' | 'nonce'> = {
    body: await hashing.sha256(body ?? new Uint8Array()),
    ...caller,
    request: id,
    region,
    ...(kind === 'generate' && { records: true }),
    ...(answer !== undefined && { answer }),
  };
  for (const [name, value] of Object.entries(await sign({ method, path, claims }))) headers.set(name, value);
  return { headers, body };
}
