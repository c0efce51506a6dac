// The HTTP application: checks host, origin and API key, calls the route of routes.ts, and turns errors into answers.
import { type Context, type Handler, Hono, type MiddlewareHandler } from 'hono';
import { USAGE_HEADER } from '../../resume/usage-report.ts';
import { allowOrigins } from '../../tenancy/cross-origin.ts';
import { requireAllowedHost } from './allowed-hosts.ts';
import { statusApp } from './endpoints/health.ts';
import { errorAnswer } from './error-answer.ts';
import { ApiError, ClientGone, toApiError } from './errors.ts';
import { recognizeCaller } from './resume/caller.ts';
import {
  asAnthropic,
  bareOf,
  isAnsweredToTheEnd,
  isGenerating,
  isOpen,
  pages,
  type Route,
  refusedPaths,
  routes,
} from './routes.ts';
import type { App } from './serve.ts';
import { type ApiOptions, createShared, type Shared } from './shared.ts';
import { shuttingDown } from './shutdown.ts';
import { type RecordEnv, RequestRecord } from './telemetry/request-record.ts';
import { forAdmins, requireKey } from './tenants/access.ts';

export function createApi(options: ApiOptions): App {
  const { hosts, corsOrigins = [], access, callerSecrets: secrets } = options;
  const shared = createShared(options);
  const app = new Hono<RecordEnv>({ strict: false });
  app.use(recordRequest(options, shared));
  if (hosts !== undefined) app.use(requireAllowedHost(hosts, { corsOrigins }));
  // This must precede the check of API keys, because the preflight request of a browser has no key.
  if (corsOrigins.length > 0) app.use(allowOrigins(corsOrigins));
  const { sharedPrefix = false } = access ?? {};
  const { ledger, limits } = shared;
  app.use(
    recognizeCaller({ secrets, sharedPrefix, bodyBytes: limits.bodyBytes, ledger, isOpen, isGenerating }),
  );
  if (access !== undefined) app.use(requireKey(access, { metrics: shared.metrics, isOpen }));

  for (const { method, path, auth, polled, handler } of routes) {
    const own = handler(shared);
    const named = { method, paths: bothPaths(path), endpoint: path.replace(':id{.+}', '{id}'), polled };
    answer(app, named, auth === 'admin' ? forAdmins(own) : own);
  }
  for (const { path, refuse } of refusedPaths) {
    for (const each of bothPaths(path)) {
      app.all(each, (c) => {
        throw refuse(c);
      });
    }
  }
  for (const { path, files = false, send } of pages) {
    const paths = files ? [path, `${path}/:file{.+}`] : [path];
    answer(app, { method: 'GET', paths, endpoint: path, polled: true }, send);
  }
  app.get('/v1/docs', (c) => c.redirect('../docs', 308));
  app.notFound((c) => {
    const message = `Invalid URL (${c.req.method} ${c.req.path})`;
    return refuse(c, new ApiError({ status: 404, message, code: 'unknown_url' }));
  });
  app.onError((thrown, c) => refuse(c, thrown));
  const status = statusApp(shared);
  return {
    fetch: (request) => app.fetch(request),
    onConnection: () => shared.slices.shortenTurn(),
    status: (request) => status.fetch(request),
  };
}

type RecordOptions = Pick<ApiOptions, 'onUsage' | 'usageLog' | 'usageRequired' | 'tracing' | 'logger'>;

/** Gives each request a record and an id, and ends the record when the request ends. */
function recordRequest(
  { onUsage, usageLog, usageRequired = false, tracing, logger }: RecordOptions,
  { shutdown, metrics, recentUsage }: Shared,
): MiddlewareHandler<RecordEnv> {
  return async (c, next) => {
    const { method, path, raw } = c.req;
    const givenId = c.req.header('x-request-id');
    const [traceparent, tracestate] = [c.req.header('traceparent'), c.req.header('tracestate')];
    const record = new RequestRecord({
      ...{ method, path, givenId, signal: raw.signal, shutdown, logger, metrics },
      onEnd: (ended) => recentUsage.add(ended),
      ...(onUsage !== undefined && { onUsage }),
      ...(usageRequired && usageLog !== undefined && { usageLog }),
      ...(tracing !== undefined && { trace: tracing.begin({ traceparent, tracestate }) }),
    });
    c.set('record', record);
    c.header('x-request-id', record.id);
    if (asAnthropic(c)) c.header('request-id', record.id);
    try {
      if (shutdown.refusing && !isAnsweredToTheEnd(path)) throw shuttingDown();
      await shutdown.during(next());
    } catch (thrown) {
      // `onError` does not get these: values that are not Errors, and the errors of a request that a shutdown ends.
      c.res = refuse(c, thrown);
      record.abandon();
    } finally {
      if (!record.streaming) record.settle(c.res.status);
    }
    reportUsage(c);
    c.header('openai-processing-ms', String(Math.round(record.elapsedMs)));
  };
}

/** Tells a trusted caller the usage of an answer. The lines of a stream tell it instead. */
function reportUsage(c: Context<RecordEnv>): void {
  const { caller, usage } = c.get('record');
  const isStream = c.res.headers.get('content-type')?.startsWith('text/event-stream') === true;
  if (caller?.claims.answer !== undefined && !isStream) c.header(USAGE_HEADER, JSON.stringify(usage));
}

function bothPaths(path: string): [string, string] {
  return [bareOf(path), `/v1${bareOf(path)}`];
}

/** The route that answers. `endpoint` and `polled` are for logs and metrics. */
interface Answering extends Pick<RequestRecord, 'endpoint' | 'polled'> {
  method: Route['method'];
  paths: readonly string[];
}

/** Registers `handler` for one method of the paths. Every other method gets a 405. */
function answer(
  app: Hono<RecordEnv>,
  { method, paths, ...noted }: Answering,
  handler: Handler<RecordEnv>,
): void {
  for (const path of paths) {
    app.on(method, path, (c, next) => {
      Object.assign(c.get('record'), noted);
      return handler(c, next);
    });
    app.all(path, (c) => {
      const allow = method === 'GET' ? 'GET, HEAD' : method;
      const message = `Not allowed to ${c.req.method} on ${c.req.path}: it takes ${allow}.`;
      throw new ApiError({ status: 405, message, code: 'method_not_allowed', headers: { allow } });
    });
  }
}

function refuse(c: Context<RecordEnv>, thrown: unknown): Response {
  const record = c.get('record');
  // Work that stops because its client left may throw any value, such as the reason of the signal.
  const left = record.signal.aborted && !(thrown instanceof ApiError);
  const error = left ? new ClientGone({ cause: thrown }) : toApiError(thrown);
  record.error = error;
  return errorAnswer(error, { requestId: record.id, anthropic: asAnthropic(c) });
}
