// The room's front door: routes, request ids, body limit, errors. Each route's work is in its own file.
import { randomUUID } from 'node:crypto';
import { type Context, type Handler, Hono } from 'hono';
import type { Logger } from 'pino';
import type { EngineClient, Rung } from '../engine/messages.ts';
import { type HostRules, requireAllowedHost } from './allowed-hosts.ts';
import { createFingerprint } from './answers/fingerprint.ts';
import { readCount } from './anthropic/count.ts';
import { messagesEndpoint } from './anthropic/endpoint.ts';
import { listAnthropicModels, showAnthropicModel } from './anthropic/models.ts';
import { MemoryLedger } from './budget/ledger.ts';
import { Slices } from './budget/slices.ts';
import type { TextThreads } from './budget/text-threads.ts';
import { createTextWork } from './budget/text-work.ts';
import { type ApiContext, defaultLimits, type Limits, type ServedModel } from './context.ts';
import type { Aliases } from './endpoints/aliases.ts';
import { chatEndpoint, completionEndpoint } from './endpoints/choice-endpoints.ts';
import { completionHandler } from './endpoints/completion-handler.ts';
import { type DrainShard, drainEndpoint } from './endpoints/drain.ts';
import { statusInTime } from './endpoints/engine-status.ts';
import { health, healthReady, metricsPage } from './endpoints/health.ts';
import { expertHeat } from './endpoints/heat.ts';
import { type Keeping, keepHistory, showHistory } from './endpoints/history/endpoint.ts';
import { History } from './endpoints/history/history.ts';
import { listModels, modelOfQuery, type Served, showModel } from './endpoints/models.ts';
import { openApiDocument } from './endpoints/openapi/document.ts';
import { consoleFile } from './endpoints/pages/console.ts';
import { docsFile } from './endpoints/pages/docs.ts';
import { frontDoor } from './endpoints/pages/front.ts';
import { listShards } from './endpoints/shards.ts';
import { plainly, textHandler } from './endpoints/text-endpoints.ts';
import { detokenize, detokenizeSchema, tokenize, tokenizerInfo, tokenizeSchema } from './endpoints/tokens.ts';
import { errorAnswer } from './error-answer.ts';
import { speaksAnthropic } from './error-shape.ts';
import { ApiError, ClientGone, toApiError } from './errors.ts';
import { type PeerCard, Peers } from './peers/peers.ts';
import { readInputTokens } from './responses/count.ts';
import { responsesEndpoint } from './responses/endpoint.ts';
import { noCompaction, responseNotFound, storedPaths } from './responses/not-stored.ts';
import { Shutdown, shuttingDown } from './shutdown.ts';
import { createMetrics } from './telemetry/metrics.ts';
import { RequestRecord } from './telemetry/request-record.ts';
import type { Tracing } from './telemetry/telemetry.ts';
import { type Access, forAdmins, requireKey } from './tenants/access.ts';
import { allowOrigins } from './tenants/cross-origin.ts';
import type { UsageLine, UsageLog } from './tenants/usage-log.ts';
import type { TextSide } from './text/text-side.ts';
import { Warnings } from './warnings.ts';

type Env = { Variables: { record: RequestRecord } };

export interface ModelOptions extends TextSide {
  /** From which text threads load the text side; absent: all its texts are tokenized here. */
  dir?: string;
  engine: EngineClient;
  model: ServedModel;
}

export interface ApiOptions {
  /** Each under an id of its own; the first is meant where a path names none. */
  models: readonly ModelOptions[];
  /** Names that stand for some of them, as they are now; each version is one of `models`. */
  aliases?: () => Aliases;
  limits?: Partial<Limits>;
  /** What may stand in for an expert where a request does not say. */
  degrade?: Rung;
  /** `host:port` of all gateways over these shards, as they are known now; absent: this is the only one. */
  peerAddresses?: () => readonly string[];
  /** Who may call; absent: everyone. */
  access?: Access;
  /** Web pages that may call, by origin; `*`: all. Absent or empty: none. */
  corsOrigins?: readonly string[];
  /** Names that requests may give the server; absent: all. */
  hosts?: HostRules;
  /** Told what each request that was admitted has used, when it is over. */
  onUsage?: (line: UsageLine) => void;
  /** Where those lines go, if that may fail. */
  usageLog?: Pick<UsageLog, 'waiting' | 'lost'>;
  /** No request is taken while lines of `usageLog` wait. */
  usageRequired?: boolean;
  /** What an operator should mend; absent: nothing is watched. */
  warnings?: Warnings;
  /** Absent: nobody traces. */
  tracing?: Tracing;
  /** Of this server, as GET /version tells it. */
  version?: string;
  /** Ends its requests; absent: nobody does. */
  shutdown?: Shutdown;
  /** Takes a shard out of service; absent: the shards run in this process and stay. */
  drainShard?: DrainShard;
  /** The gateway looks at itself every second, for GET /v1/history; absent: that stays empty. */
  history?: Keeping;
  /** For long texts; absent: all texts are tokenized here. */
  textThreads?: TextThreads;
  logger: Logger;
}

/** Paths that tell of the server itself while it ends. */
const answeredToTheEnd = /^(?:\/v1)?\/(?:health(?:\/ready)?|metrics)\/?$/;

/** The HTTP application. Every path answers with and without `/v1` before it and a slash behind it. */
export function createApi({
  models,
  aliases = () => new Map(),
  limits: given,
  degrade,
  peerAddresses,
  access,
  corsOrigins = [],
  hosts,
  onUsage,
  usageLog,
  usageRequired = false,
  warnings = new Warnings(),
  tracing,
  version = 'unknown',
  shutdown = new Shutdown(),
  drainShard,
  history: keeping,
  textThreads,
  logger,
}: ApiOptions): Hono<Env> {
  const metrics = createMetrics({ warnings, usageLog });
  const limits = { ...defaultLimits, ...given };
  const slices = new Slices();
  const ledger = new MemoryLedger(limits.answerMemory);
  const common = { limits, logger, metrics, slices, ledger, ...(degrade !== undefined && { degrade }) };
  const contexts = models.map(({ engine, dir, ...rest }): [string, ApiContext] => {
    const status = () => statusInTime(engine, { waitMs: limits.statusMs, logger });
    const fingerprint = createFingerprint(async () => (await status())?.fingerprint);
    const threads = textThreads && dir !== undefined ? { pool: textThreads, dir } : undefined;
    const textOf = createTextWork({ tools: rest, slices, threads });
    return [rest.model.id, { ...rest, ...common, engine, fingerprint, textOf }];
  });
  const served: Served = { contexts: new Map(contexts), aliases };
  const history = new History(metrics.tally);
  if (keeping !== undefined) keepHistory(history, { ...keeping, contexts: served.contexts.values() });
  const identities = models.map(({ model, engine }) => [model.id, engine.info.identity]);
  const card: PeerCard = { instance: randomUUID(), models: Object.fromEntries(identities) };
  const log = (message: string) => logger.warn(message);
  const peers = peerAddresses && new Peers({ card, addresses: peerAddresses, log });
  const app = new Hono<Env>({ strict: false });
  app.use(async (c, next) => {
    const { method, path, raw } = c.req;
    const givenId = c.req.header('x-request-id');
    const [traceparent, tracestate] = [c.req.header('traceparent'), c.req.header('tracestate')];
    const record = new RequestRecord({
      ...{ method, path, givenId, signal: raw.signal, shutdown, logger, metrics },
      ...(onUsage !== undefined && { onUsage }),
      ...(usageRequired && usageLog !== undefined && { usageLog }),
      ...(tracing !== undefined && { trace: tracing.begin({ traceparent, tracestate }) }),
    });
    c.set('record', record);
    c.header('x-request-id', record.id);
    if (asAnthropic(c)) c.header('request-id', record.id);
    try {
      if (shutdown.refusing && !answeredToTheEnd.test(path)) throw shuttingDown();
      await shutdown.during(next());
    } catch (thrown) {
      c.res = refuse(c, thrown); // what is no Error does not come to `onError`, nor does what cuts a request
      record.abandon();
    } finally {
      if (!record.streaming) record.settle(c.res.status);
    }
    c.header('openai-processing-ms', String(Math.round(record.elapsedMs)));
  });
  if (hosts !== undefined) app.use(requireAllowedHost(hosts, { corsOrigins }));
  // A browser asks whether it may call before it sends a key.
  if (corsOrigins.length > 0) app.use(allowOrigins(corsOrigins));
  if (access !== undefined) app.use(requireKey(access, { metrics }));

  const reading = { served, limits, slices, ledger };
  const generating = { ...reading, peers };
  route(app, 'POST', '/completions', completionHandler(completionEndpoint, generating));
  route(app, 'POST', '/chat/completions', completionHandler(chatEndpoint, generating));
  route(app, 'POST', '/responses', completionHandler(responsesEndpoint, generating));
  route(app, 'POST', '/responses/input_tokens', textHandler(readInputTokens, reading));
  routeStored(app);
  route(app, 'POST', '/messages', completionHandler(messagesEndpoint, generating));
  route(app, 'POST', '/messages/count_tokens', textHandler(readCount, reading));
  route(app, 'GET', '/models', (c) => (asAnthropic(c) ? listAnthropicModels : listModels)(c, served));
  route(app, 'GET', '/models/:id{.+}', (c) => (asAnthropic(c) ? showAnthropicModel : showModel)(c, served));
  const ofModel = (show: (c: Context, context: ApiContext) => Response | Promise<Response>) =>
    forAdmins((c) => show(c, modelOfQuery(c, served)));
  route(app, 'GET', '/shards', ofModel(listShards));
  route(app, 'GET', '/experts/heat', ofModel(expertHeat));
  const shown = forAdmins((c) => showHistory(c, { history, version }));
  route(app, 'GET', '/history', shown);
  route(app, 'GET', '/peer', (c) => c.json(card));
  route(app, 'GET', '/version', (c) => c.json({ version }));
  route(app, 'GET', '/health', health);
  route(app, 'GET', '/health/ready', (c) => healthReady(c, { ...served, shutdown, warnings }));
  const counted = forAdmins((c) => metricsPage(c, { served, metrics }));
  route(app, 'GET', '/metrics', counted);
  route(app, 'POST', '/tokenize', textHandler(plainly(tokenizeSchema, tokenize), reading));
  route(app, 'POST', '/detokenize', textHandler(plainly(detokenizeSchema, detokenize), reading));
  route(app, 'GET', '/tokenizer_info', (c) => c.json(tokenizerInfo(modelOfQuery(c, served))));
  const drain = { contexts: served.contexts, limits, drainShard, hosts };
  const drained = forAdmins((c) => drainEndpoint(c, drain));
  route(app, 'POST', '/shards/drain', drained);
  let description: object | undefined;
  route(app, 'GET', '/openapi.json', (c) => {
    description ??= openApiDocument({ version });
    return c.json(description);
  });
  app.get('/', (c) => {
    c.get('record').endpoint = '/';
    return frontDoor(c);
  });
  app.all('/', (c) => refuseMethod(c, 'GET'));
  routePage(app, '/console', consoleFile);
  routePage(app, '/docs', docsFile);
  app.get('/v1/docs', (c) => c.redirect('../docs', 308));

  app.notFound((c) => {
    const message = `Invalid URL (${c.req.method} ${c.req.path})`;
    return refuse(c, new ApiError({ status: 404, message, code: 'unknown_url' }));
  });
  app.onError((thrown, c) => refuse(c, thrown));
  return app;
}

/** Serves `path` for one method and refuses the others by 405. Probes are named without /v1, the rest with it, in logs and metrics. */
function route(app: Hono<Env>, method: 'GET' | 'POST', path: string, handler: Handler<Env>): void {
  const probe = path.startsWith('/health') || path === '/metrics' || path === '/peer';
  const endpoint = probe ? path : `/v1${path.replace(':id{.+}', '{id}')}`;
  const noted: Handler<Env> = (c, next) => {
    c.get('record').endpoint = endpoint;
    return handler(c, next);
  };
  for (const full of [path, `/v1${path}`]) {
    app.on(method, full, noted);
    app.all(full, (c) => refuseMethod(c, method));
  }
}

/** Nothing is stored, whatever is done with it. */
function routeStored(app: Hono<Env>): void {
  for (const prefix of ['', '/v1']) {
    app.all(`${prefix}/responses/compact`, () => {
      throw noCompaction();
    });
    for (const path of storedPaths) {
      app.all(prefix + path, (c) => {
        throw responseNotFound(c.req.param('id') ?? '');
      });
    }
  }
}

/** A page and its files. They are named, as the API is, from where the page lies, so that it may lie below a prefix. */
function routePage(app: Hono<Env>, page: string, send: (c: Context) => Promise<Response>): void {
  for (const path of [page, `${page}/:file{.+}`]) {
    app.get(path, (c) => {
      c.get('record').endpoint = page;
      return send(c);
    });
    app.all(path, (c) => refuseMethod(c, 'GET'));
  }
}

function asAnthropic({ req }: Context<Env>): boolean {
  return speaksAnthropic({ path: req.path, version: req.header('anthropic-version') });
}

function refuse(c: Context<Env>, thrown: unknown): Response {
  const record = c.get('record');
  // Work that stops because its caller left may throw whatever the signal gives as its reason.
  const left = record.signal.aborted && !(thrown instanceof ApiError);
  const error = left ? new ClientGone({ cause: thrown }) : toApiError(thrown);
  record.error = error;
  return errorAnswer(error, { requestId: record.id, anthropic: asAnthropic(c) });
}

function refuseMethod(c: Context, allowed: 'GET' | 'POST'): never {
  const allow = allowed === 'GET' ? 'GET, HEAD' : allowed;
  const message = `Not allowed to ${c.req.method} on ${c.req.path}: it takes ${allow}.`;
  throw new ApiError({ status: 405, message, code: 'method_not_allowed', headers: { allow } });
}
