// Shared by the tests of the API: a room, which is a server on a real port with a fake engine.
import OpenAI from 'openai';
import pino from 'pino';
import { onTestFinished } from 'vitest';
import type { SelectionReport } from '../../../gateway/api/answers/choices/selection.ts';
import type { ChatLogprobEntry, CompletionLogprobs } from '../../../gateway/api/answers/logprobs.ts';
import type { PromptScores } from '../../../gateway/api/answers/prompt-logprobs.ts';
import type { Usage } from '../../../gateway/api/answers/usage.ts';
import { createApi } from '../../../gateway/api/app.ts';
import type { LazyList } from '../../../gateway/api/budget/json-pieces.ts';
import type { Limits } from '../../../gateway/api/context.ts';
import type { Aliases } from '../../../gateway/api/endpoints/aliases.ts';
import type { ErrorEnvelope } from '../../../gateway/api/errors.ts';
import { type ApiServer, type ConnectionLimits, serve } from '../../../gateway/api/serve.ts';
import type { ApiOptions } from '../../../gateway/api/shared.ts';
import type { SamplingDefaults } from '../../../gateway/api/text/sampling-defaults.ts';
import { compileTemplate } from '../../../gateway/api/text/template.ts';
import { createTokenizer, type Tokenizer } from '../../../gateway/api/text/tokenizer.ts';
import { FakeEngine, type FakeEngineOptions } from '../../support/engines/fake-engine.ts';
import { byteLevelTokenizer, CHAT_TEMPLATE, SPECIALS } from '../../support/models/tokenizer.ts';
import { requireShape } from './clients/openai-shapes.ts';

export const tokenizer = createTokenizer(byteLevelTokenizer());
export const idOf = (token: string): number => tokenizer.idOf(token) ?? Number.NaN;
export const VOCAB = idOf('<|end|>') + 1;
export const MODEL = 'fake-moe';

/** The headers of every POST. */
export const JSON_TYPE = { 'content-type': 'application/json' };

/** The token ids of this text: one for each byte. */
export const say = (text: string): number[] => tokenizer.encodePlain(text, { first: true });

/** The type of a value after it was written as JSON and parsed again. */
type Written<Value> =
  Value extends LazyList<infer Entry>
    ? Entry[]
    : { [Field in keyof Value]: Value[Field] extends LazyList<infer Entry> ? Entry[] : Value[Field] };

/** The fields of an answer, a chunk or an error that tests read. */
export interface AnswerBody {
  id: string;
  object: string;
  created: number;
  model: string;
  system_fingerprint: string;
  choices: {
    index: number;
    text: string;
    message: { role: string; content: string; reasoning_content?: string; tool_calls?: CallBody[] };
    delta: { role?: string; content?: string; reasoning_content?: string; tool_calls?: CallBody[] };
    token_ids?: number[];
    prompt_logprobs?: Written<PromptScores>;
    finish_reason: string | null;
    logprobs: { content: ChatLogprobEntry[] } & Written<CompletionLogprobs>;
  }[];
  usage: Usage | null;
  prompt_logprobs?: Written<PromptScores>;
  expertgrid: { seed: number; digests: unknown[]; routes: unknown[]; selection?: SelectionReport[] };
  error: ErrorEnvelope['error'];
}

/** A call, or in a stream a piece of a call. */
export interface CallBody {
  index?: number;
  id?: string;
  function: { name?: string; arguments: string };
}

export interface Room {
  url: string;
  engine: FakeEngine;
  /** All engines by the id of their model, including `engine`. */
  engines: ReadonlyMap<string, FakeEngine>;
  client: OpenAI;
  server: ApiServer;
  /** Log lines so far. */
  logs: Record<string, unknown>[];
  /** Sends a body by POST. Returns the status and the parsed answer. */
  post(
    path: string,
    body: unknown,
    init?: RequestInit,
  ): Promise<{ status: number; body: AnswerBody; headers: Headers }>;
}

export interface RoomOptions extends Partial<FakeEngineOptions> {
  limits?: Partial<Limits>;
  connections?: Partial<ConnectionLimits>;
  chat?: string | null;
  tokenizer?: Tokenizer;
  /** Ids that end an answer of each model. Default: `<|endoftext|>` and `<|end|>`. */
  stopIds?: number[];
  /** How tokens are drawn if the request does not say. Default: as the engine's logits are. */
  sampling?: SamplingDefaults;
  /** Further models by id, in addition to MODEL. */
  others?: Record<string, Partial<FakeEngineOptions>>;
  aliases?: () => Aliases;
  api?: Omit<ApiOptions, 'models' | 'aliases' | 'limits' | 'logger'>;
}

/** A room for one test, which is closed after the test. */
export async function openRoom(options: RoomOptions = {}): Promise<Room> {
  const room = await startRoom(options);
  onTestFinished(async () => {
    await room.server.close(0);
  });
  return room;
}

/** A room that the caller must close. */
export async function startRoom({
  limits,
  connections = {},
  chat = CHAT_TEMPLATE,
  tokenizer: given = tokenizer,
  stopIds = [idOf('<|endoftext|>'), idOf('<|end|>')],
  sampling = {},
  others = {},
  aliases,
  api,
  ...options
}: RoomOptions = {}): Promise<Room> {
  const said = { vocab: VOCAB, reply: () => say('hello world') };
  const engine = new FakeEngine({ ...said, ...options });
  const beside = Object.entries(others).map(
    ([id, its]) => [id, new FakeEngine({ ...said, ...its })] as const,
  );
  const engines = new Map([[MODEL, engine], ...beside]);
  const logs: Record<string, unknown>[] = [];
  const logger = pino({ level: 'debug' }, { write: (line: string) => logs.push(JSON.parse(line)) });
  const text = {
    tokenizer: given,
    template: chat === null ? undefined : compileTemplate(chat, { bos: SPECIALS[0], eos: SPECIALS[0] }),
    tokenizerInfo: { bos_token: SPECIALS[0], eos_token: SPECIALS[0] },
    stopIds,
    sampling,
    bos: idOf('<|endoftext|>'),
  };
  const models = [...engines].map(([id, its], i) => {
    return { ...text, engine: its, model: { id, created: 1_700_000_000 + i } };
  });
  const app = createApi({ models, limits, logger, ...(aliases && { aliases }), ...api });
  const server = await serve({ app, port: 0, connections });
  const url = `http://127.0.0.1:${server.port}`;
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0 });
  const post: Room['post'] = async (path, body, init = {}) => {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const response = await fetch(url + path, {
      method: 'POST',
      body: text,
      ...init,
      headers: { ...JSON_TYPE, ...init.headers },
    });
    const answer: AnswerBody = JSON.parse(await response.text());
    requireShape(answer);
    return { status: response.status, body: answer, headers: response.headers };
  };
  return { url, engine, engines, client, server, logs, post };
}

/** The `data:` values of a stream, and whether it ended with `[DONE]`. */
export async function readEvents(response: Response): Promise<{ values: AnswerBody[]; done: boolean }> {
  const text = await response.text();
  const data = text
    .split('\n\n')
    .filter((block) => block.length > 0 && !block.startsWith(':'))
    .map((block) => block.replace(/^data: /, ''));
  const values = data.filter((value) => value !== '[DONE]').map((value): AnswerBody => JSON.parse(value));
  for (const value of values) requireShape(value, { chunk: true });
  return { values, done: data.at(-1) === '[DONE]' };
}

/** Waits until `condition` is true. Fails after `ms`, which is long enough for any machine. */
export async function until(condition: () => boolean, ms = 30_000): Promise<void> {
  const deadline = performance.now() + ms;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`not within ${ms} ms: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
