// What the two completion endpoints' answers have in common, and the seam for what differs. Knows no engine.
import { type DegradedHops, type Route, rungs } from '../engine/messages.ts';
import type { AnswerEvent, ChoiceUsage } from './answer.ts';
import type { AnswerToken } from './answer-text.ts';

export interface WholeChoice {
  index: number;
  text: string;
  tokens: AnswerToken[];
  reason: 'stop' | 'length';
  usage: ChoiceUsage;
}

/** One endpoint's shapes. Each method gives an entry of `choices`. */
export interface WireFormat {
  idPrefix: string;
  /** `object` of a whole answer and of a chunk. */
  object: string;
  chunkObject: string;
  whole(choice: WholeChoice): object;
  /** What a stream's first chunk holds before there is text, where the format has such a chunk. */
  opening: object | undefined;
  piece(event: Extract<AnswerEvent, { type: 'text' }>): object;
  finish(event: Extract<AnswerEvent, { type: 'finish' }>): object;
}

/** What stands in an answer, or in each of its chunks. */
export interface Frame {
  id: string;
  /** Unix seconds. */
  created: number;
  model: string;
  /** Null where the engine has not told it yet. */
  fingerprint: string | null;
  seed: number;
  /** Report digests of the logits beside the tokens. */
  digests: boolean;
  /** Report which experts each token went through. */
  routes: boolean;
}

export interface Usage {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
  /** Left out where a choice ended before the engine told. */
  prompt_tokens_details?: { cached_tokens: number };
  /** Times that something stood in for an expert, by rung; left out where nothing did. */
  degraded_hops?: DegradedHops;
}

export function totalUsage(choices: readonly ChoiceUsage[]): Usage {
  const prompt = sum(choices.map((choice) => choice.promptTokens));
  const completion = sum(choices.map((choice) => choice.completionTokens));
  const cached = choices.map((choice) => choice.cachedTokens).filter((count) => count !== undefined);
  const degraded = totalHops(choices);
  const usage = {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    ...(degraded !== undefined && { degraded_hops: degraded }),
  };
  if (cached.length < choices.length) return usage;
  return { ...usage, prompt_tokens_details: { cached_tokens: sum(cached) } };
}

function totalHops(choices: readonly ChoiceUsage[]): DegradedHops | undefined {
  const total: DegradedHops = {};
  for (const rung of rungs) {
    const count = sum(choices.map(({ degradedHops }) => degradedHops?.[rung] ?? 0));
    if (count > 0) total[rung] = count;
  }
  return Object.keys(total).length > 0 ? total : undefined;
}

export function wholeBody(choices: readonly WholeChoice[], format: WireFormat, frame: Frame): object {
  const { id, created, model, fingerprint, seed } = frame;
  return {
    id,
    object: format.object,
    created,
    model,
    choices: choices.map((choice) => format.whole(choice)),
    usage: totalUsage(choices.map((choice) => choice.usage)),
    system_fingerprint: fingerprint,
    expertgrid: {
      seed,
      ...(frame.digests && { digests: choices.map(({ tokens }) => digestsOf(tokens)) }),
      ...(frame.routes && { routes: choices.map(({ tokens }) => routesOf(tokens)) }),
    },
  };
}

/** The values of a stream, in order: opening, pieces, finishes, and usage where asked for. */
export async function* chunks(
  events: AsyncIterable<AnswerEvent>,
  { format, frame, includeUsage }: { format: WireFormat; frame: Frame; includeUsage: boolean },
): AsyncGenerator<object, void, undefined> {
  const { id, created, model, fingerprint } = frame;
  const usages: ChoiceUsage[] = [];
  let seedTold = false;
  function chunk(choices: object[], tokens: readonly AnswerToken[] = [], extra: object = {}): object {
    const own = {
      ...(seedTold ? {} : { seed: frame.seed }),
      ...(frame.digests && tokens.length > 0 && { digests: digestsOf(tokens) }),
      ...(frame.routes && tokens.length > 0 && { routes: routesOf(tokens) }),
      ...extra,
    };
    seedTold = true;
    return {
      id,
      object: format.chunkObject,
      created,
      model,
      choices,
      system_fingerprint: fingerprint,
      ...(includeUsage ? { usage: null } : {}),
      ...(Object.keys(own).length > 0 ? { expertgrid: own } : {}),
    };
  }
  if (format.opening !== undefined) yield chunk([format.opening]);
  for await (const event of events) {
    if (event.type === 'text') {
      yield chunk([format.piece(event)], event.tokens);
    } else {
      usages.push(event.usage);
      const { degradedHops } = event.usage;
      // Callers who do not ask for usage are told as well.
      yield chunk([format.finish(event)], [], degradedHops && { degraded_hops: degradedHops });
    }
  }
  if (includeUsage) yield { ...chunk([]), usage: totalUsage(usages) };
}

function digestsOf(tokens: readonly AnswerToken[]): string[] {
  return tokens.map(({ digest = '' }) => digest);
}

/** `[tokens][layers][k]` */
function routesOf(tokens: readonly AnswerToken[]): Route[] {
  return tokens.map(({ route = [] }) => route);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
