// All routes of the API and of its pages. To add an endpoint, add a line to `routes` and describe it in endpoints/openapi/.
import type { Context, Handler } from 'hono';
import { readCount } from './anthropic/count.ts';
import { messagesEndpoint } from './anthropic/endpoint.ts';
import { listAnthropicModels, showAnthropicModel } from './anthropic/models.ts';
import type { ApiContext } from './context.ts';
import { chatEndpoint, completionEndpoint } from './endpoints/choice-endpoints.ts';
import { completionHandler, type Endpoint } from './endpoints/completion-handler.ts';
import { drainEndpoint } from './endpoints/drain.ts';
import { engineMetricsPage, health, healthReady, metricsPage } from './endpoints/health.ts';
import { expertHeat } from './endpoints/heat.ts';
import { showHistory } from './endpoints/history/endpoint.ts';
import { listModels, modelOfQuery, type Served, showModel } from './endpoints/models.ts';
import { openApiDocument } from './endpoints/openapi/document.ts';
import { consoleFile, docsFile } from './endpoints/pages/browser-pages.ts';
import { frontDoor } from './endpoints/pages/front.ts';
import { showScaling } from './endpoints/scaling.ts';
import { listShards } from './endpoints/shards.ts';
import { plainly, type TextAsked, textHandler } from './endpoints/text-endpoints.ts';
import { detokenize, detokenizeSchema, tokenize, tokenizerInfo, tokenizeSchema } from './endpoints/tokens.ts';
import { speaksAnthropic } from './error-answer.ts';
import type { ApiError } from './errors.ts';
import { readInputTokens } from './responses/count.ts';
import { responsesEndpoint } from './responses/endpoint.ts';
import { noCompaction, responseNotFound } from './responses/not-stored.ts';
import { showUsage } from './resume/recent-usage.ts';
import type { Shared } from './shared.ts';
import type { RecordEnv } from './telemetry/request-record.ts';

export interface Route {
  method: 'GET' | 'POST';
  /** The path in logs and metrics. The route also answers without `/v1` in front, and with a slash at the end. */
  path: string;
  /** Who may call if the server has API keys: everyone, all keys, or only keys that were made with `--admin`. */
  auth: 'none' | 'key' | 'admin';
  /** Whether probes, peers or open pages poll the route. If so, the history and logs at level info omit its requests. */
  polled: boolean;
  /** Whether the route still answers while the server shuts down. */
  untilTheEnd: boolean;
  handler: (shared: Shared) => Handler<RecordEnv>;
}

const generating: Readonly<Record<string, Endpoint>> = {
  '/v1/completions': completionEndpoint,
  '/v1/chat/completions': chatEndpoint,
  '/v1/responses': responsesEndpoint,
  '/v1/messages': messagesEndpoint,
};

export const routes: readonly Route[] = [
  ...Object.entries(generating).map(([path, endpoint]) => post(path, 'key', generates(endpoint))),
  post('/v1/responses/input_tokens', 'key', counts(readInputTokens)),
  post('/v1/messages/count_tokens', 'key', counts(readCount)),
  post('/v1/tokenize', 'key', counts(plainly(tokenizeSchema, tokenize))),
  post('/v1/detokenize', 'key', counts(plainly(detokenizeSchema, detokenize))),
  get('/v1/tokenizer_info', 'key', ofModel(tokenizerInfo)),
  get('/v1/models', 'key', ofModels(listModels, listAnthropicModels), { polled: true }),
  get('/v1/models/:id{.+}', 'key', ofModels(showModel, showAnthropicModel)),
  get('/v1/usage/:id{.+}', 'key', ofServer(showUsage), { polled: true, untilTheEnd: true }),
  get('/v1/shards', 'admin', ofModel(listShards), { polled: true }),
  post('/v1/shards/drain', 'admin', ofServer(drainEndpoint)),
  get('/v1/experts/heat', 'admin', ofModel(expertHeat), { polled: true }),
  get('/v1/history', 'admin', ofServer(showHistory), { polled: true }),
  get('/v1/scaling', 'admin', ofServer(showScaling), { polled: true }),
  get('/metrics', 'admin', ofServer(metricsPage), { polled: true, untilTheEnd: true }),
  get('/metrics/engine', 'admin', ofServer(engineMetricsPage), { polled: true, untilTheEnd: true }),
  get('/health', 'none', ofServer(health), { polled: true, untilTheEnd: true }),
  get('/health/ready', 'none', ofServer(healthReady), { polled: true, untilTheEnd: true }),
  get('/peer', 'none', ofServer(showPeerCard), { polled: true }),
  get('/v1/version', 'key', ofServer(showVersion), { polled: true }),
  get('/v1/openapi.json', 'none', describesApi, { polled: true }),
];

interface Page {
  path: string;
  /** Whether files below the path are served too. */
  files?: true;
  send: (c: Context) => Response | Promise<Response>;
}

/** Pages for browsers, without `/v1` in front. They need no API key, because the page itself asks its reader for the key. */
export const pages: readonly Page[] = [
  { path: '/', send: frontDoor },
  { path: '/console', files: true, send: consoleFile },
  { path: '/docs', files: true, send: docsFile },
];

/** Paths of OpenAI's Responses API that need stored responses. Every method gets a 404 that says why. */
export const refusedPaths: readonly { path: string; refuse: (c: Context) => ApiError }[] = [
  { path: '/v1/responses/compact', refuse: noCompaction },
  { path: '/v1/responses/:id', refuse: responseNotFound },
  { path: '/v1/responses/:id/cancel', refuse: responseNotFound },
  { path: '/v1/responses/:id/input_items', refuse: responseNotFound },
];

/** A path without `/v1` in front. */
export function bareOf(path: string): string {
  return path.replace(/^\/v1(?=\/)/, '');
}

const routesByPath = new Map(routes.map((route) => [bareOf(route.path), route]));

function routeOf(path: string): Route | undefined {
  return routesByPath.get(bareOf(path).replace(/\/$/, ''));
}

const pagePath = /^\/$|^\/v1\/docs\/?$|^\/(?:console|docs)(?:\/|\/(?:[a-z]+\/)?[a-z-]+\.[a-z]+)?$/;

/** Whether a request for this path needs no API key. */
export function isOpen(path: string): boolean {
  return routeOf(path)?.auth === 'none' || pagePath.test(path);
}

/** Whether a request for this path generates an answer. */
export function isGenerating(path: string): boolean {
  return Object.hasOwn(generating, routeOf(path)?.path ?? '');
}

/** Whether a request for this path is still answered while the server shuts down. */
export function isAnsweredToTheEnd(path: string): boolean {
  return routeOf(path)?.untilTheEnd ?? false;
}

/** Whether the client expects answers in the shape of Anthropic's API. */
export function asAnthropic({ req }: Context): boolean {
  return speaksAnthropic({ path: req.path, version: req.header('anthropic-version') });
}

type RouteHandler = Route['handler'];
type RouteFlags = Partial<Pick<Route, 'polled' | 'untilTheEnd'>>;

function get(path: string, auth: Route['auth'], handler: RouteHandler, flags: RouteFlags = {}): Route {
  return { method: 'GET', path, auth, handler, polled: false, untilTheEnd: false, ...flags };
}

function post(path: string, auth: Route['auth'], handler: RouteHandler): Route {
  return { method: 'POST', path, auth, handler, polled: false, untilTheEnd: false };
}

function generates(endpoint: Endpoint): RouteHandler {
  return (shared) => completionHandler(endpoint, shared);
}

function counts(read: (fields: Record<string, unknown>) => TextAsked): RouteHandler {
  return (shared) => textHandler(read, shared);
}

type Answer<About> = (c: Context<RecordEnv>, about: About) => Response | Promise<Response>;

function ofServer(answer: Answer<Shared>): RouteHandler {
  return (shared) => (c) => answer(c, shared);
}

/** The answer is about the model that `?model=` names, or else about the first model. */
function ofModel(answer: Answer<ApiContext>): RouteHandler {
  return ofServer((c, { served }) => answer(c, modelOfQuery(c, served)));
}

function ofModels(openAi: Answer<Served>, anthropic: Answer<Served>): RouteHandler {
  return ofServer((c, { served }) => (asAnthropic(c) ? anthropic : openAi)(c, served));
}

function showPeerCard(c: Context, { card }: Shared): Response {
  return c.json(card);
}

function showVersion(c: Context, { version }: Shared): Response {
  return c.json({ version });
}

/** Makes the description only at the first request, because most servers are never asked for it. */
function describesApi({ version }: Shared): Handler<RecordEnv> {
  let description: object | undefined;
  return (c) => {
    description ??= openApiDocument({ version });
    return c.json(description);
  };
}
