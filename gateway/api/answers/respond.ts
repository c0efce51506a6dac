// Runs the generations of a request and writes the answer, whole or as a stream.
import { randomUUID } from 'node:crypto';
import type { Context } from 'hono';
import { holdingMemory, isKept } from '../budget/answer-size.ts';
import { jsonBody } from '../budget/json-body.ts';
import { isFew, jsonText } from '../budget/json-pieces.ts';
import type { ApiContext } from '../context.ts';
import { ClientGone } from '../errors.ts';
import { abortedWith } from '../linked-abort.ts';
import type { ExpertSettings } from '../requests/expert-settings.ts';
import { streamedUsage } from '../requests/fields/stream-options.ts';
import { drawSeed } from '../requests/sampling.ts';
import type { Asked } from '../requests/structured.ts';
import { Moved, withRecord } from '../resume/recorded-format.ts';
import { recorderOf } from '../resume/recorder-of.ts';
import type { ReleasedBy } from '../resume/released.ts';
import type { RequestRecord } from '../telemetry/request-record.ts';
import { admitted } from './admission.ts';
import type { AnswerEvent } from './answer.ts';
import { type Generated, generations } from './generations.ts';
import { dataEvents, type EventFormat, eventStream } from './sse.ts';
import { noted, type Stream } from './streams.ts';
import { type Frame, releasedByChunk, type Wire } from './wire.ts';

/** Which answers are generated for a request, and which of them are returned. */
export interface AnswerPlan extends Generated {
  /** Settings of experts that the request does not make itself; see expert-settings.ts. */
  inheritedExperts?: ExpertSettings | undefined;
  /** Names of fields that change nothing for this model. The completion handler translates them to the client's names. */
  noEffect?: readonly string[];
  /** Specifications of the constraint. They must be read before anything is generated. */
  asked?: readonly Asked[];
  /** Ids of the request's only prompt, if the answer should contain them once and not in each choice. */
  promptIds?: readonly number[];
}

export interface Plan extends AnswerPlan {
  wire: Wire;
}

export interface Started {
  frame: Frame;
  /** Events of all choices. The record counts their usage. */
  events: Stream<AnswerEvent>;
  /** Stops the generations. Aborted if the client leaves. */
  cancel: AbortController;
}

/**
 * Starts the generations of a plan and sets the header `x-expertgrid-seed`. Call `record.admit` first, which checks the key's
 * limits. For a stream, waits until the engine has admitted the request; see admission.ts. `frame.id` is the prefix followed by the
 * request's own id, or by 32 random hexadecimal digits if the request has no id.
 */
export async function startGenerations(
  c: Context,
  context: ApiContext,
  record: RequestRecord,
  plan: AnswerPlan,
  { idPrefix }: { idPrefix: string },
): Promise<Started> {
  const { request, promptIds } = plan;
  const arithmetic = await context.fingerprint.current();
  const { head } = record.continuation ?? {};
  const { answer } = record.caller?.claims ?? {};
  const seed = head?.seed ?? request.seed ?? answer?.seed ?? drawSeed();
  const frame: Frame = {
    id: head?.id ?? idPrefix + (request.request_id ?? answer?.id ?? randomUUID().replaceAll('-', '')),
    created: record.created,
    model: context.model.id,
    fingerprint: arithmetic?.fingerprint ?? null,
    seed,
    isContinued: (record.continuation?.recorded.size ?? 0) > 0,
    digests: request.expertgrid?.digests === true,
    routes: request.expertgrid?.routes === true,
    schemaNotes: record.schemaNotes,
    ...(promptIds !== undefined && { promptIds }),
  };
  if (request.stream === true) {
    record.recorder = recorderOf(record, {
      frame,
      prompts: plan.prompts,
      experts: plan.inheritedExperts,
      numerics: arithmetic?.numerics,
      info: context.engine.info,
    });
  }
  const cancel = abortedWith(record.signal);
  const begun = generations(context, record, plan, seed, cancel);
  c.header('x-expertgrid-seed', String(seed));
  const { ledger, limits } = context;
  const kept = isKept(plan) ? holdingMemory(begun, plan, { ledger, tenant: record.tenant.name }) : begun;
  const events = request.stream === true ? await admitted(kept, limits.admissionMs) : kept;
  const counted = noted(events, (event) => {
    if (event.type === 'finish') record.choiceEnded(event);
  });
  return { frame, events: counted, cancel };
}

interface StreamOptions<Value> extends Pick<Started, 'cancel'> {
  /** Default: `dataEvents`. */
  format?: EventFormat<Value>;
  releasedBy: ReleasedBy<Value>;
}

/** Sends `values`, which are made from the events, as a stream. The end of the stream settles the record and ends generations. */
export function streamAnswer<Value extends object>(
  c: Context,
  context: ApiContext,
  record: RequestRecord,
  values: Stream<Value>,
  { cancel, format = dataEvents, releasedBy }: StreamOptions<Value>,
): Response {
  const { recorder, shutdown } = record;
  record.streaming = true;
  const body = eventStream(recorder?.unreleased(values, releasedBy) ?? values, {
    format:
      recorder === undefined
        ? format
        : withRecord(format, { recorder, releasedBy, usage: () => record.usage }),
    write: (value) =>
      isFew(value) ? JSON.stringify(value) : context.slices.run(record.tenant, jsonText(value)),
    clock: record.clock,
    stallMs: context.limits.stallMs,
    keepAliveMs: context.limits.keepAliveMs,
    onCut: (end) => {
      if (recorder === undefined) return shutdown.onCut(end);
      const uncut = shutdown.onCut(() => end(new Moved(undefined)));
      const move = async () => end(new Moved(await record.handOver?.()));
      const unmove = shutdown.onRefuse(() => void move());
      return () => {
        uncut();
        unmove();
      };
    },
    onEnd: (error) => {
      record.error = error;
      if (error !== undefined) cancel.abort();
      record.settle(error === undefined ? 200 : error.status);
    },
  });
  return c.body(body, 200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache',
    'x-accel-buffering': 'no',
  });
}

/** Sends an answer that is not streamed. A long answer is sent in pieces, and the last piece settles the record. */
export async function wholeAnswer(
  c: Context,
  { slices, limits }: Pick<ApiContext, 'slices' | 'limits'>,
  record: RequestRecord,
  answer: object,
): Promise<Response> {
  const body = await jsonBody(answer, {
    run: (steps) => slices.run(record.tenant, steps),
    stallMs: limits.stallMs,
    onEnd: (error) => {
      if (error !== undefined) record.error = new ClientGone({ cause: error });
      record.settle(record.error?.status ?? 200);
    },
  });
  record.streaming = typeof body !== 'string';
  return c.body(body, 200, { 'content-type': 'application/json' });
}

/** Answers a request to /v1/completions or /v1/chat/completions. */
export async function respond(
  c: Context,
  context: ApiContext,
  record: RequestRecord,
  plan: Plan,
): Promise<Response> {
  const { request, wire, prompts, made, selection } = plan;
  const { idPrefix } = wire;
  const { frame, events, cancel } = await startGenerations(c, context, record, plan, { idPrefix });
  const finished = (reason: string) => record.finished(reason);
  if (request.stream !== true) {
    return await wholeAnswer(c, context, record, await wire.whole(events, { frame, selection, finished }));
  }
  const values = wire.chunks(events, {
    frame,
    finished,
    choices: prompts.length * made,
    promptTokens: record.promptTokens,
    ...streamedUsage(request),
  });
  return streamAnswer(c, context, record, values, { cancel, releasedBy: releasedByChunk });
}
