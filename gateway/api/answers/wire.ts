// Writes the bodies and chunks of /v1/completions and /v1/chat/completions. A `WireFormat` has the parts in which the two differ.

import { NO_CHOICE } from '../../../resume/record.ts';
import type { Route } from '../../engine/messages.ts';
import type { ReleasedAmounts } from '../resume/released.ts';
import type { AnswerEvent, ChoiceUsage } from './answer.ts';
import type { AnswerToken } from './answer-text.ts';
import type { Selection, SelectionReport } from './choices/selection.ts';
import { tellFinishes } from './streams.ts';
import { provenanceOf, sum, tokenCounts, totalUsage, type Usage } from './usage.ts';

/** A piece of a choice. The last event of every choice is a finish. */
interface Piece {
  type: string;
  index: number;
  /** Generated tokens whose text is in this piece. */
  tokens?: readonly AnswerToken[];
}

interface Finish {
  type: 'finish';
  index: number;
  reason: string;
  usage: ChoiceUsage;
}

interface Choice {
  index: number;
  tokens: AnswerToken[];
  stop?: AnswerToken | undefined;
  usage: ChoiceUsage;
}

/** How one endpoint reads and writes choices. `whole`, `opening`, `piece` and `finish` return an entry of the field `choices`. */
interface WireFormat<P extends Piece, F extends Finish, C extends Choice> {
  idPrefix: string;
  /** Values of the field `object`: in a whole answer, and in a chunk. */
  object: string;
  chunkObject: string;
  /** Further fields of a whole answer and of each chunk. */
  head?: object;
  /** Returns further fields of a whole answer. Called when the answer has ended. */
  tail?: () => object;
  read(events: AsyncIterable<AnswerEvent>, frame: Frame): AsyncIterable<P | F>;
  /** The choices in order of index. `ended` gets each choice before the next event is read. */
  collect(events: AsyncIterable<P | F>, ended: (choice: C) => void): Promise<C[]>;
  /** The text of a choice from which the answer that it votes for is extracted. */
  voted(choice: C): string;
  whole(choice: C): object;
  /** The first chunk of a choice, sent before there is text. Absent: there is no such chunk. */
  opening?: (index: number) => object;
  piece(event: P): object;
  finish(event: F): object;
}

/** Makes the JSON values of one endpoint's answers from the events of all choices. */
export interface Wire {
  idPrefix: string;
  /** The body of an answer. It contains the choices that `selection` selects, or else all of them. */
  whole(events: AsyncIterable<AnswerEvent>, options: WholeOptions): Promise<object>;
  /** The values of a stream: the openings of all choices, then their pieces and finishes, then the usage if it is included. */
  chunks(events: AsyncIterable<AnswerEvent>, options: ChunkOptions): AsyncGenerator<object, void, undefined>;
}

interface WholeOptions {
  frame: Frame;
  selection: Selection | undefined;
  /** Called with the finish reason of each choice. */
  finished: (reason: string) => void;
}

export function wireOf<P extends Piece, F extends Finish, C extends Choice>(
  format: WireFormat<P, F, C>,
): Wire {
  return {
    idPrefix: format.idPrefix,
    whole: async (events, { frame, selection, finished }) => {
      const read = tellFinishes(format.read(events, frame), finished);
      const all = await format.collect(read, (choice) => selection?.add(choice, format.voted(choice)));
      const choices = selection?.selected(all) ?? all;
      const usage = totalUsage(all.map((choice) => choice.usage));
      return wholeBody(choices, { format, frame, usage, selection: selection?.reports });
    },
    chunks: (events, options) => {
      return chunks(tellFinishes(format.read(events, options.frame), options.finished), format, options);
    },
  };
}

/** Values that a whole answer and every chunk of a stream contain. */
export interface Frame {
  id: string;
  /** Unix seconds. */
  created: number;
  model: string;
  /** Null if it is not known yet. */
  fingerprint: string | null;
  seed: number;
  /** Whether the answer continues a stream whose first event was sent before. */
  isContinued: boolean;
  /** Return a digest of the logits of each token. */
  digests: boolean;
  /** Return the experts of each token. */
  routes: boolean;
  /** The parts of schemas that are not enforced, as paths in the request. */
  schemaNotes: readonly string[];
  /** Ids of the request's only prompt, if the answer should contain them once and not in each choice. */
  promptIds?: readonly number[];
}

/** `usage` includes the choices that are not returned. */
function wholeBody<P extends Piece, F extends Finish, C extends Choice>(
  choices: readonly C[],
  {
    format,
    frame,
    usage,
    selection,
  }: {
    format: WireFormat<P, F, C>;
    frame: Frame;
    usage: Usage;
    selection: readonly SelectionReport[] | undefined;
  },
): object {
  const { id, created, model, fingerprint, seed, promptIds } = frame;
  return {
    id,
    object: format.object,
    created,
    model,
    choices: choices.map((choice) => format.whole(choice)),
    usage,
    ...(promptIds !== undefined && { prompt_token_ids: promptIds }),
    ...(fingerprint !== null && { system_fingerprint: fingerprint }),
    ...format.head,
    ...format.tail?.(),
    expertgrid: {
      seed,
      ...(selection && { selection }),
      ...(frame.schemaNotes.length > 0 && { schema_notes: frame.schemaNotes }),
      ...(frame.digests && { digests: choices.map(({ tokens }) => digestsOf(tokens)) }),
      ...(frame.routes && { routes: choices.map(({ tokens }) => routesOf(tokens)) }),
    },
  };
}

/** The fields of a chunk by which `releasedByChunk` counts. */
interface Chunk {
  choices?: {
    index: number;
    text?: string;
    delta?: {
      content?: string | null;
      reasoning_content?: string;
      tool_calls?: { function: { arguments?: string } }[];
    };
    logprobs?: { content?: { length: number }; tokens?: { length: number } } | null;
  }[];
  expertgrid?: { digests?: unknown[]; routes?: unknown[] };
}

export function releasedByChunk(chunk: Chunk): ReleasedAmounts {
  const [choice] = chunk.choices ?? [];
  if (choice === undefined) return { choice: NO_CHOICE, bytes: 0, calls: 0, entries: 0 };
  const { index, text, delta, logprobs } = choice;
  const { digests, routes } = chunk.expertgrid ?? {};
  const called = delta?.tool_calls?.map((call) => call.function.arguments ?? '').join('');
  const written = text ?? delta?.content ?? delta?.reasoning_content ?? called ?? '';
  return {
    choice: index,
    bytes: Buffer.byteLength(written),
    calls: called === undefined ? 0 : 1,
    entries: (logprobs?.content ?? logprobs?.tokens ?? digests ?? routes)?.length ?? 0,
  };
}

interface ChunkOptions {
  frame: Frame;
  /** Number of choices. */
  choices: number;
  /** Number of tokens of all prompts. Each prompt counts once, however many choices it has. */
  promptTokens: number;
  /** Send a last chunk with the usage. */
  includeUsage: boolean;
  /** Each chunk contains the usage so far. Has no effect without `includeUsage`. */
  continuous: boolean;
  /** Called with the finish reason of each choice. */
  finished: (reason: string) => void;
}

async function* chunks<P extends Piece, F extends Finish, C extends Choice>(
  events: AsyncIterable<P | F>,
  format: WireFormat<P, F, C>,
  { frame, choices: count, promptTokens, includeUsage, continuous }: ChunkOptions,
): AsyncGenerator<object, void, undefined> {
  const { id, created, model, fingerprint, promptIds } = frame;
  const usages: ChoiceUsage[] = [];
  const generated = new Array<number>(count).fill(0);
  let first = !frame.isContinued;
  function chunk(choices: object[], tokens: readonly AnswerToken[] = [], extra: object = {}): object {
    const own = {
      ...(first && { seed: frame.seed }),
      ...(first && frame.schemaNotes.length > 0 && { schema_notes: frame.schemaNotes }),
      ...(frame.digests && tokens.length > 0 && { digests: digestsOf(tokens) }),
      ...(frame.routes && tokens.length > 0 && { routes: routesOf(tokens) }),
      ...extra,
    };
    const made = {
      id,
      object: format.chunkObject,
      created,
      model,
      choices,
      ...(fingerprint !== null && { system_fingerprint: fingerprint }),
      ...format.head,
      ...(includeUsage && { usage: continuous ? tokenCounts(promptTokens, sum(generated)) : null }),
      ...(first && promptIds !== undefined && { prompt_token_ids: promptIds }),
      ...(Object.keys(own).length > 0 && { expertgrid: own }),
    };
    first = false;
    return made;
  }
  if (format.opening !== undefined) {
    for (let index = 0; index < count; index++) yield chunk([format.opening(index)]);
  }
  for await (const event of events) {
    if (isFinish(event)) {
      usages.push(event.usage);
      generated[event.index] = event.usage.completionTokens;
      // The finish has these fields of the usage too, for clients that do not ask for the usage.
      yield chunk([format.finish(event)], [], provenanceOf(event.usage));
    } else {
      const { tokens = [] } = event;
      generated[event.index] = (generated[event.index] ?? 0) + tokens.length;
      yield chunk([format.piece(event)], tokens);
    }
  }
  if (includeUsage) yield { ...chunk([]), usage: totalUsage(usages) };
}

function isFinish<P extends Piece, F extends Finish>(event: P | F): event is F {
  return event.type === 'finish';
}

function digestsOf(tokens: readonly AnswerToken[]): string[] {
  return tokens.map(({ digest = '' }) => digest);
}

/** `[tokens][layers][k]` */
function routesOf(tokens: readonly AnswerToken[]): Route[] {
  return tokens.map(({ route = [] }) => route);
}
