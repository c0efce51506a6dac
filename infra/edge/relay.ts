// Relays one request: asks gateways until one answers, and sends the answer to the client as a whole or as a stream.
import { isStream, joined, readUpTo } from './ask.ts';
import type { Call } from './call.ts';
import { errorAnswer, shuttingDown, unreachable } from './errors.ts';
import type { Attempt, Gateway } from './gateways/gateways.ts';
import { ofAnswer } from './headers.ts';
import { sleep, Tries } from './repeats.ts';
import { isUnavailable, type Reply, type Shared, send } from './send.ts';
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

export async function relay(call: Call, shared: Shared): Promise<Response> {
  shared.budget.earn();
  const first = await firstReply(call, shared);
  if (first === undefined) {
    const { format, id: requestId } = call;
    return errorAnswer(shared.cutSignal.aborted ? shuttingDown : unreachable, { format, requestId });
  }
  const { reply, content } = first;
  const { status } = reply;
  const headers = ofAnswer(reply.headers, { decoded: isStream(reply) });
  if (!headers.has('x-request-id')) headers.set('x-request-id', call.id);
  if (content === null || BODILESS.has(status)) return new Response(null, { status, headers });
  const body = isStream(reply) ? streamOf(reply, { call, shared }) : content;
  return new Response(body, { status, headers });
}

/**
 * The first answer that is not an error, or else the last error answer. Undefined if no gateway answers. An answer that is not a
 * stream has arrived completely, so that it can be repeated if its gateway is lost.
 */
async function firstReply(call: Call, shared: Shared): Promise<Received | undefined> {
  const { gateways, budget, counts } = shared;
  const tries = new Tries<Gateway>();
  const { lost, refused } = tries;
  let refusal: Received | undefined;
  let owed = false;
  while (tries.left && refused.size < gateways.all.length) {
    if (owed && !budget.spend()) break;
    owed = false;
    await sleep(tries.next(Math.random()), call.signal);
    const gateway = gateways.choose({ key: call.key, lost, refused });
    if (gateway === undefined || call.signal.aborted || shared.cutSignal.aborted) break;
    if (lost.size + refused.size > 0) counts.add('repeats', gateway.url);
    const sentAt = performance.now();
    try {
      const answer = await received(await send(call, gateway, { shared }));
      if (!isUnavailable(answer.reply.status) || call.kind === 'act') return answer;
      refused.add(gateway);
      refusal = answer;
      owed = true;
    } catch (cause) {
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
  return refusal;
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
