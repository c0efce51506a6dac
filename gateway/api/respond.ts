// Runs a request's generations and answers with them, whole or as a stream. Knows neither endpoint's fields.
import { randomUUID } from 'node:crypto';
import type { Context } from 'hono';
import { admitted } from './admission.ts';
import type { AnswerEvent } from './answer.ts';
import { bestChoices } from './best-of.ts';
import type { ApiContext } from './context.ts';
import { type Generated, generations } from './generations.ts';
import type { RequestRecord } from './request-record.ts';
import { drawSeed } from './sampling.ts';
import { eventStream } from './sse.ts';
import { chunks, type Frame, totalUsage, type WholeChoice, type WireFormat, wholeBody } from './wire.ts';

export interface Plan extends Generated {
  /** Answers that are given of each prompt, the best of those that are made. */
  wanted: number;
  /** Ids of the one prompt, where they are told once for all choices. */
  promptIds?: readonly number[];
  format: WireFormat;
}

export async function respond(
  c: Context,
  context: ApiContext,
  record: RequestRecord,
  plan: Plan,
): Promise<Response> {
  const { request, format, made, wanted, promptIds } = plan;
  const seed = request.seed ?? drawSeed();
  const frame: Frame = {
    id: format.idPrefix + randomUUID().replaceAll('-', ''),
    created: Math.floor(Date.now() / 1000),
    model: context.model.id,
    fingerprint: await context.fingerprint.current(),
    seed,
    digests: request.expertgrid?.digests === true,
    routes: request.expertgrid?.routes === true,
    ...(promptIds !== undefined && { promptIds }),
  };
  const cancel = new AbortController();
  const events = generations(context, record, plan, seed, cancel);
  c.header('x-expertgrid-seed', String(seed));
  if (request.stream !== true) {
    const all = await collect(noteFinish(events, record));
    const choices = bestChoices(all, { made, wanted });
    const usage = totalUsage(all.map((choice) => choice.usage));
    return c.json(wholeBody(choices, { format, frame, usage }));
  }
  const stream = noteFinish(await admitted(events, context.limits.admissionMs), record);
  const { include_usage, continuous_usage_stats } = request.stream_options ?? {};
  const values = chunks(stream, {
    format,
    frame,
    choices: plan.prompts.length * made,
    promptTokens: record.promptTokens,
    includeUsage: include_usage === true,
    continuous: include_usage === true && continuous_usage_stats === true,
  });
  record.streaming = true;
  const body = eventStream(values, {
    stallMs: context.limits.stallMs,
    keepAliveMs: context.limits.keepAliveMs,
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

async function collect(events: AsyncIterable<AnswerEvent>): Promise<WholeChoice[]> {
  const open = new Map<number, Pick<WholeChoice, 'tokens' | 'prompt'> & { pieces: string[] }>();
  const choices: WholeChoice[] = [];
  for await (const event of events) {
    const choice = open.get(event.index) ?? { pieces: [], tokens: [] };
    open.set(event.index, choice);
    if (event.type === 'prompt') choice.prompt = event.prompt;
    else if (event.type === 'text') {
      choice.pieces.push(event.text);
      choice.tokens.push(...event.tokens);
    } else {
      const { type: _, ...finish } = event;
      const { pieces, ...rest } = choice;
      choices.push({ ...finish, ...rest, text: pieces.join('') });
    }
  }
  return choices.sort((a, b) => a.index - b.index);
}

async function* noteFinish(
  events: AsyncGenerator<AnswerEvent, void, undefined>,
  record: RequestRecord,
): AsyncGenerator<AnswerEvent, void, undefined> {
  for await (const event of events) {
    if (event.type === 'finish') record.choiceEnded(event);
    yield event;
  }
}
