// Runs a request's generations and answers with them, whole or as a stream. Knows neither endpoint's fields.
import { randomUUID } from 'node:crypto';
import type { Context } from 'hono';
import type { GenerationRequest, Rung } from '../engine/messages.ts';
import { admitted } from './admission.ts';
import { type AnswerEvent, answer } from './answer.ts';
import type { ApiContext } from './context.ts';
import { merge } from './merge.ts';
import type { RequestRecord } from './request-record.ts';
import { drawSeed, samplingSettings, stopIdsOf, stopStringsOf } from './sampling.ts';
import type { CommonRequest } from './schema-fields.ts';
import { eventStream } from './sse.ts';
import { chunks, type Frame, type WholeChoice, type WireFormat, wholeBody } from './wire.ts';

/** A prompt and how many tokens may follow it. */
export interface PromptPlan {
  prompt: readonly number[];
  maxTokens: number;
}

export interface Plan {
  request: CommonRequest;
  /** One choice each. */
  prompts: readonly PromptPlan[];
  /** Alternatives to report with each token; undefined: no log-probabilities. */
  logprobs: number | undefined;
  format: WireFormat;
}

export async function respond(
  c: Context,
  context: ApiContext,
  record: RequestRecord,
  plan: Plan,
): Promise<Response> {
  const { request, format } = plan;
  const seed = request.seed ?? drawSeed();
  const frame: Frame = {
    id: format.idPrefix + randomUUID().replaceAll('-', ''),
    created: Math.floor(Date.now() / 1000),
    model: context.model.id,
    fingerprint: await context.fingerprint.current(),
    seed,
    digests: request.expertgrid?.digests === true,
    routes: request.expertgrid?.routes === true,
  };
  const cancel = new AbortController();
  const events = generations(context, record, plan, seed, cancel);
  c.header('x-expertgrid-seed', String(seed));
  if (request.stream !== true) {
    const choices = await collect(events);
    record.finish = finishOf(choices.map(({ reason }) => reason));
    return c.json(wholeBody(choices, format, frame));
  }
  const stream = noteFinish(await admitted(events, context.limits.admissionMs), record);
  const includeUsage = request.stream_options?.include_usage === true;
  record.streaming = true;
  const body = eventStream(chunks(stream, { format, frame, includeUsage }), {
    stallMs: context.limits.stallMs,
    onEnd: (error) => {
      cancel.abort();
      record.error = error;
      record.settle(error === undefined ? 200 : error.status);
    },
  });
  return c.body(body, 200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache',
    'x-accel-buffering': 'no',
  });
}

/** All choices' events as they come. They end together: one failure, or the caller's leaving, stops every generation. */
function generations(
  { engine, tokenizer, stopIds, degrade }: ApiContext,
  record: RequestRecord,
  { request, prompts, logprobs }: Plan,
  seed: number,
  cancel: AbortController,
): AsyncGenerator<AnswerEvent, void, undefined> {
  const sampling = samplingSettings(request, seed, engine.info);
  const endIds = stopIdsOf(request, stopIds, engine.info);
  const stops = stopStringsOf(request);
  const signal = AbortSignal.any([record.signal, cancel.signal]);
  record.promptTokens = prompts.reduce((total, { prompt }) => total + prompt.length, 0);
  const sources = prompts.map(({ prompt, maxTokens }, index) => {
    const generation: GenerationRequest = {
      id: randomUUID(),
      prompt: Int32Array.from(prompt),
      maxTokens,
      sampling,
      stopIds: endIds,
      logprobs,
      digests: request.expertgrid?.digests === true,
      routes: request.expertgrid?.routes === true,
      ...degradeOf(request, degrade),
      traceId: record.id,
    };
    const onToken = (choice: number) => record.token(choice);
    return answer({ engine, tokenizer, request: generation, index, stops, signal, onToken });
  });
  return merge(sources, () => cancel.abort());
}

/** What the request allows, or else the gateway. */
function degradeOf({ expertgrid }: CommonRequest, byDefault: Rung | undefined): { degrade?: Rung } {
  const rung = expertgrid?.degrade ?? byDefault;
  return rung === undefined || rung === 'none' ? {} : { degrade: rung };
}

async function collect(events: AsyncIterable<AnswerEvent>): Promise<WholeChoice[]> {
  const open = new Map<number, Pick<WholeChoice, 'tokens'> & { pieces: string[] }>();
  const choices: WholeChoice[] = [];
  for await (const event of events) {
    const { pieces, tokens } = open.get(event.index) ?? { pieces: [], tokens: [] };
    if (event.type === 'text') {
      pieces.push(event.text);
      tokens.push(...event.tokens);
      open.set(event.index, { pieces, tokens });
    } else {
      const { index, reason, usage } = event;
      choices.push({ index, text: pieces.join(''), tokens, reason, usage });
    }
  }
  return choices.sort((a, b) => a.index - b.index);
}

async function* noteFinish(
  events: AsyncGenerator<AnswerEvent, void, undefined>,
  record: RequestRecord,
): AsyncGenerator<AnswerEvent, void, undefined> {
  const reasons: string[] = [];
  for await (const event of events) {
    if (event.type === 'finish') {
      reasons.push(event.reason);
      record.finish = finishOf(reasons);
    }
    yield event;
  }
}

function finishOf(reasons: readonly string[]): string {
  return [...new Set(reasons)].join(',');
}
