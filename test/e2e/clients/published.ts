// Checks answers against the parts of OpenAI's published API that schemas do not express: the number of choices, fields
// that are present only if requested, and the order of events in a stream. Pure.

import { z } from 'zod';
import { errorText } from '../../../base/error-text.ts';
import { requireShape } from '../../gateway/api/clients/openai-shapes.ts';
import { event } from '../../gateway/api/responses/shapes.ts';

/** Fields of a request that decide what its answer must contain. */
const askedShape = z.looseObject({
  n: z.number().nullish(),
  prompt: z.union([z.string(), z.array(z.unknown())]).nullish(),
  logprobs: z.union([z.boolean(), z.number()]).nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
});
export type Asked = z.infer<typeof askedShape>;

const choiceShape = z.looseObject({
  index: z.number(),
  finish_reason: z.string().nullable(),
  logprobs: z.unknown(),
  delta: z
    .looseObject({
      role: z.string().optional(),
      tool_calls: z.array(z.looseObject({ index: z.number(), id: z.string().optional() })).nullish(),
    })
    .optional(),
});
const answerShape = z.looseObject({
  id: z.string(),
  object: z.string(),
  created: z.number(),
  model: z.string(),
  choices: z.array(choiceShape),
  usage: z.unknown().optional(),
});
type Choice = z.infer<typeof choiceShape>;
type Chunk = z.infer<typeof answerShape>;

export function askedOf(body: unknown): Asked {
  return askedShape.parse(typeof body === 'string' ? JSON.parse(body) : {});
}

/** Faults of an answer that is not streamed, or of an error. */
export function answerFaults(body: object, asked: Asked): string[] {
  const unshaped = shapeFaults(body, false);
  if (unshaped.length > 0 || !('choices' in body)) return unshaped;
  const { choices } = answerShape.parse(body);
  return [
    ...numberFaults(
      choices.map(({ index }) => index),
      asked,
    ),
    ...choices.flatMap((choice) => logprobFaults(choice, asked)),
  ];
}

/** Faults of the values of a complete stream. */
export function streamFaults(values: readonly object[], { done, asked }: StreamEnd): string[] {
  const unshaped = values.flatMap((value) => shapeFaults(value, true));
  if (unshaped.length > 0) return unshaped;
  const failed = values.some((value) => 'error' in value);
  if (failed) return done ? ['[DONE] stands behind an error'] : [];
  const chunks = values.map((value) => answerShape.parse(value));
  const open = new Map<number, OpenChoice>();
  const faults = chunks.flatMap(({ choices }) =>
    choices.flatMap((choice) => pieceFaults(choice, open, asked)),
  );
  for (const [index, { finished }] of open)
    if (!finished) faults.push(`choice ${index} has no finish reason`);
  if (!done) faults.push('the stream ends without [DONE]');
  const whole = [...open.keys()];
  return [...faults, ...numberFaults(whole, asked), ...headFaults(chunks), ...usageFaults(chunks, asked)];
}

export interface StreamEnd {
  /** Whether `[DONE]` came. */
  done: boolean;
  asked: Asked;
}

/** Faults of the events of a complete stream of /v1/responses: their shapes, their numbers, and the last event. */
export function responseStreamFaults(events: readonly object[]): string[] {
  const faults = events.flatMap((one, i) => {
    const parsed = event.safeParse(one);
    if (!parsed.success) return [`${parsed.error.message} in ${JSON.stringify(one)}`];
    const { sequence_number } = parsed.data;
    return sequence_number === i ? [] : [`event ${i} says that it is number ${sequence_number}`];
  });
  const types = events.map((one) => ('type' in one ? String(one.type) : ''));
  const ended = types.filter((type) => /^(response\.(completed|incomplete|failed)|error)$/.test(type));
  if (types[0] !== 'response.created') faults.push(`the first event is ${types[0]}`);
  if (ended.length !== 1 || ended[0] !== types.at(-1)) faults.push(`the stream ends in ${types.at(-1)}`);
  return faults;
}

const judged = ['response', 'model', 'list'];

function shapeFaults(value: object, chunk: boolean): string[] {
  const isOther = !chunk && 'object' in value && judged.includes(String(value.object));
  const isError = 'error' in value && value.error !== null;
  if (!isError && !isOther && !('choices' in value)) return [`not known: ${JSON.stringify(value)}`];
  try {
    requireShape(value, { chunk });
    return [];
  } catch (error) {
    return [`${errorText(error)} in ${JSON.stringify(value)}`];
  }
}

/** Choices must be numbered from 0, with `n` choices for each prompt. */
function numberFaults(indexes: readonly number[], { n, prompt }: Asked): string[] {
  const prompts = Array.isArray(prompt) && typeof prompt[0] !== 'number' ? prompt.length : 1;
  const expected = Array.from({ length: prompts * (n ?? 1) }, (_, i) => i);
  const told = [...indexes].sort((a, b) => a - b);
  return told.join() === expected.join()
    ? []
    : [`choices ${told.join()} where ${expected.join()} were asked for`];
}

function logprobFaults({ index, logprobs }: Choice, asked: Asked): string[] {
  const wanted = typeof asked.logprobs === 'number' || asked.logprobs === true;
  if (wanted === (logprobs !== null)) return [];
  return [`choice ${index} tells ${wanted ? 'no log-probabilities' : 'log-probabilities unasked'}`];
}

interface OpenChoice {
  finished: boolean;
  calls: number;
}

/** In a stream, chunks without a token have no log-probabilities. */
function pieceFaults(choice: Choice, open: Map<number, OpenChoice>, asked: Asked): string[] {
  const { index, delta, finish_reason, logprobs } = choice;
  const faults: string[] = [];
  const known = open.get(index);
  const state = known ?? { finished: false, calls: 0 };
  open.set(index, state);
  if (state.finished) faults.push(`choice ${index} goes on after its finish reason`);
  if (delta !== undefined && (known === undefined) !== (delta.role === 'assistant')) {
    faults.push(`choice ${index} tells its role ${known === undefined ? 'not at first' : 'again'}`);
  }
  if (logprobs !== null) faults.push(...logprobFaults(choice, asked));
  for (const call of delta?.tool_calls ?? []) {
    const begins = call.id !== undefined;
    if (call.index !== (begins ? state.calls : state.calls - 1)) {
      faults.push(`choice ${index}: a delta of call ${call.index} after ${state.calls} calls began`);
    }
    if (begins) state.calls++;
  }
  state.finished = finish_reason !== null;
  return faults;
}

function headFaults(chunks: readonly Chunk[]): string[] {
  const heads = new Set(
    chunks.map(({ id, object, created, model }) => [id, object, created, model].join(' ')),
  );
  return heads.size === 1
    ? []
    : [`chunks of one stream name themselves differently: ${[...heads].join('; ')}`];
}

/** If usage is requested, the last chunk has it and no choices, and in every other chunk `usage` is null. */
function usageFaults(chunks: readonly Chunk[], { stream_options }: Asked): string[] {
  const asked = stream_options?.include_usage === true;
  const last = asked ? chunks.at(-1) : undefined;
  const others = chunks.filter((chunk) => chunk !== last);
  const faults: string[] = [];
  if (last !== undefined && (last.choices.length > 0 || (last.usage ?? null) === null)) {
    faults.push('the last chunk is not that of the usage');
  }
  if (others.some(({ usage }) => usage !== (asked ? null : undefined))) {
    faults.push(`a chunk has usage ${asked ? 'before the last' : 'unasked'}`);
  }
  if (others.some(({ choices }) => choices.length === 0)) faults.push('a chunk has no choices');
  return faults;
}
