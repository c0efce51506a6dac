// Relays one request: asks gateways until one answers, and sends the answer to the client as a whole or as a stream.
import { readUsageReport, USAGE_HEADER } from '../../resume/usage-report.ts';
import { isStream, joined, NotSent, readUpTo } from './ask.ts';
import { type EdgeError, errorAnswer, notStarted, shuttingDown, unreachable } from './errors.ts';
import { isAnyHealthy, untilStarted } from './gateways/cold-start.ts';
import type { Attempt, Gateway } from './gateways/gateways.ts';
import { noUsage, type Outcome } from './limits/ticket.ts';
import { sleep, Tries } from './repeats.ts';
import type { Call } from './requests/call.ts';
import { ofAnswer } from './requests/headers.ts';
import { BUSY, isUnavailable, type Reply, type Shared, send } from './send.ts';
import { continuedStream } from './streams/continued-stream.ts';
import { relayEvents } from './streams/event-stream.ts';

/** Longer answers that are not streams are relayed while they arrive, and cannot be repeated. */
const LARGEST_HELD = 16 * 1024 * 1024;

/** Statuses of answers that never have a body. */
const BODILESS: ReadonlySet<number> = new Set([204, 205, 304]);

interface Received {
  reply: Reply;
  /** The whole body, or a stream of it. */
  content: Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> | null;
}

interface Unanswered {
  /** The gateway that was asked last. */
  asked: Gateway | undefined;
}

export async function relay(call: Call, shared: Shared): Promise<Response> {
  shared.budget.earn();
  shared.spills.earn();
  const { format, id: requestId, ticket } = call;
  const first = await firstReply(call, shared);
  if (!('reply' in first)) {
    const error = errorOf(call, shared);
    await endTicket(call, unanswered(call, shared, { ...first, error }));
    return errorAnswer(error, { format, requestId });
  }
  const { reply, content } = first;
  const { status } = reply;
  const headers = ofAnswer(reply.headers, { decoded: isStream(reply), signed: shared.sign !== undefined });
  if (!headers.has('x-request-id')) headers.set('x-request-id', requestId);
  if (!isStream(reply)) await endTicket(call, answered(reply));
  for (const [name, value] of Object.entries(ticket?.headers(format) ?? {})) headers.set(name, value);
  if (content === null || BODILESS.has(status)) return new Response(null, { status, headers });
  const body = isStream(reply) ? streamOf(reply, { call, shared }) : content;
  return new Response(body, { status, headers });
}

function errorOf({ regions }: Call, { cutSignal, coldStartMs, gateways }: Shared): EdgeError {
  if (cutSignal.aborted) return shuttingDown;
  return coldStartMs > 0 && !isAnyHealthy(gateways, regions) ? notStarted : unreachable;
}

/** The outcome of a request that no gateway has answered. The work of a gateway that was lost is not counted. */
function unanswered(
  { signal }: Call,
  { cutSignal }: Shared,
  { asked, error }: Unanswered & { error: EdgeError },
): Outcome {
  const isStopped = signal.aborted || cutSignal.aborted;
  return {
    status: signal.aborted ? 499 : error.status,
    regions: asked === undefined ? [] : [asked.region],
    resumes: 0,
    // A gateway that is stopped in its work knows what it has used.
    usage: isStopped && asked !== undefined ? undefined : noUsage,
    isFinal: !isStopped || asked === undefined,
    gateway: asked?.url,
  };
}

/** Waits until the usage is written, but not until a gateway that has not reported it was asked for it. */
async function endTicket({ ticket }: Call, outcome: Outcome): Promise<void> {
  const settled = ticket?.end(outcome);
  if (outcome.isFinal) await settled;
}

/** The outcome of a request whose answer is not a stream. */
function answered({ status, headers, attempt }: Reply): Outcome {
  const reported = readUsageReport(headers.get(USAGE_HEADER) ?? '');
  const usage = reported ?? (status < 400 ? undefined : noUsage);
  const { url: gateway, region } = attempt.gateway;
  return { status, regions: [region], resumes: 0, usage, isFinal: usage !== undefined, gateway };
}

/** As `askInTurn`. While no gateway is ready, because cells are scaled to zero, a POST waits until one is. */
async function firstReply(call: Call, shared: Shared): Promise<Received | Unanswered> {
  const begun = performance.now();
  let first = await askInTurn(call, shared);
  while (!isServed(first) && (await waitedForStart(call, shared, begun))) {
    const seconds = ((performance.now() - begun) / 1_000).toFixed(1);
    const message = `a request waited ${seconds} s for a gateway to be ready`;
    shared.log({ level: 'info', code: 'cold_start', message, request: call.id });
    first = await askInTurn(call, shared);
  }
  return first;
}

/** Whether the call has waited for a gateway, and one is ready now. `begun`: when the call came. */
async function waitedForStart(
  { method, regions, signal }: Call,
  { gateways, coldStartMs, cutSignal }: Shared,
  begun: number,
): Promise<boolean> {
  if (method !== 'POST' || coldStartMs === 0) return false;
  const until = begun + coldStartMs;
  return await untilStarted(gateways, regions, { until, signal: AbortSignal.any([signal, cutSignal]) });
}

function isServed(first: Received | Unanswered): boolean {
  return 'reply' in first && !isUnavailable(first.reply.status);
}

/**
 * The first answer that is not an error, or else the last error answer. If no gateway answers, the gateway that was asked last. An
 * answer that is not a stream has arrived completely, so that it can be repeated if its gateway is lost.
 */
async function askInTurn(call: Call, shared: Shared): Promise<Received | Unanswered> {
  const { gateways, budget, spills, counts } = shared;
  const tries = new Tries<Gateway>();
  const { lost, refused, unavailable } = tries;
  let refusal: Received | undefined;
  let asked: Gateway | undefined;
  let owed = false;
  let isFull = false;
  while (tries.left && refused.size < gateways.all.length) {
    if (owed && !(isFull ? spills : budget).spend()) break;
    owed = false;
    await sleep(tries.next(Math.random()), call.signal);
    const gateway = gateways.choose({ regions: call.regions, key: call.key, lost, refused, unavailable });
    if (gateway === undefined || call.signal.aborted || shared.cutSignal.aborted) break;
    if (lost.size + refused.size + unavailable.size > 0) counts.add('repeats', gateway.url);
    else countAffinity(call, gateway, shared);
    if (isFull && gateway.region !== asked?.region) counts.add('spills', gateway.url);
    const sentAt = performance.now();
    const askedBefore = asked;
    asked = gateway;
    try {
      const answer = await received(await send(call, gateway, { shared }));
      const { status } = answer.reply;
      if (call.kind === 'act' || !(isUnavailable(status) || mayLeave(status, call, shared))) return answer;
      isFull = status === BUSY;
      if (isFull) for (const each of gateways.in(gateway.region)) refused.add(each);
      else unavailable.add(gateway);
      refusal = answer;
      owed = true;
    } catch (cause) {
      const isStopped = call.signal.aborted || shared.cutSignal.aborted;
      // This gateway has used nothing and would not know the request if it was asked.
      if (isStopped && cause instanceof NotSent) asked = askedBefore;
      if (call.signal.aborted) break;
      tries.lose(gateway, performance.now() - sentAt);
      shared.log({
        level: 'warn',
        code: unreachable.code,
        message: 'a gateway gave no answer',
        request: call.id,
        gateway: gateway.url,
        cause: String(cause),
      });
      if (call.kind === 'act') break;
    }
  }
  return refusal ?? { asked };
}

/** Whether a gateway's queue is full, and another region may have room. Only the 429 of a signed request always means a full queue. */
function mayLeave(status: number, { regions }: Call, { sign }: Shared): boolean {
  return status === BUSY && sign !== undefined && regions.length > 1;
}

function countAffinity({ key, regions }: Call, gateway: Gateway, { gateways, counts }: Shared): void {
  if (key === undefined) return;
  const isKept = gateways.preferred(key, regions) === gateway;
  counts.add(isKept ? 'affinity_kept' : 'affinity_lost', gateway.url);
}

/** A reply whose body has arrived, unless it is a stream or very long. Rejects if the gateway is lost. */
async function received(reply: Reply): Promise<Received> {
  const { body, attempt } = reply;
  if (body === null || isStream(reply)) {
    if (body === null) attempt.end();
    return { reply, content: body };
  }
  try {
    const { parts, rest } = await readUpTo(body, LARGEST_HELD);
    if (rest !== undefined) return { reply, content: restOf(parts, rest, attempt) };
    attempt.end();
    return { reply, content: joined(parts) };
  } catch (thrown) {
    attempt.end();
    throw attempt.causeOf(thrown);
  }
}

/** The parts that have arrived, and then the rest of `reader`. */
function restOf(
  parts: Uint8Array[],
  reader: ReadableStreamDefaultReader<Uint8Array>,
  attempt: Attempt,
): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const part = parts.shift();
        if (part !== undefined) return controller.enqueue(part);
        try {
          const { done, value } = await reader.read();
          if (done !== true) return controller.enqueue(value);
          controller.close();
          attempt.end();
        } catch (cause) {
          attempt.end();
          throw cause;
        }
      },
      async cancel(reason) {
        attempt.abort(reason);
        attempt.end();
        await reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
}

interface StreamOptions {
  call: Call;
  shared: Shared;
}

function streamOf(reply: Reply, { call, shared }: StreamOptions): ReadableStream<Uint8Array> {
  if (shared.sign !== undefined && call.kind === 'generate') return continuedStream(reply, { call, shared });
  const { format, id: requestId } = call;
  const { attempt, body } = reply;
  const onEnd = () => attempt.end();
  return relayEvents(body ?? new ReadableStream(), { format, requestId, fails: shared.failsStreams, onEnd });
}
