// The accounts of an edge: finds the key of each request, decides what the key may do, and counts what its requests use.
import type { Hono } from 'hono';
import { KEY_PREFIX, keyOfRequest } from '../../../tenancy/api-key.ts';
import { anthropicRateHeaders, type Readings, rateHeaders } from '../../../tenancy/rate-headers.ts';
import { type EdgeError, errorAnswer } from '../errors.ts';
import type { ServedModels } from '../gateways/served-models.ts';
import { monthOf } from '../limits/meter.ts';
import { type Beginning, Metering, type Meters, openWholeMeter } from '../limits/metering.ts';
import { limitError } from '../limits/refusals.ts';
import type { Outcome, Ticket } from '../limits/ticket.ts';
import { type StatusParts, statusOf } from '../page/status.ts';
import { type Call, type Caller, requestIdOf } from '../requests/call.ts';
import type { Format } from '../requests/endpoints.ts';
import type { Shared } from '../send.ts';
import type { Sql } from '../storage/sql.ts';
import { askAllUsage, askUsage } from '../usage/ask-usage.ts';
import { usageAnswer, usageQuery } from '../usage/usage-answer.ts';
import { type UsageDay, usageByDay } from '../usage/usage-store.ts';
import type { Account } from './account.ts';
import { AccountCache } from './account-cache.ts';
import { AccountStore } from './account-store.ts';
import { adminApi } from './admin.ts';
import { authenticated, permissionError } from './authorize.ts';
import type { OperatorSecrets } from './operators.ts';

export interface AccountsOptions {
  /** Keys and usage. */
  database: Sql;
  /** Default: meters in this process, which keep their state in `database`. */
  meters?: Meters | undefined;
  /** Undefined: the operators' API is not served. */
  adminSecrets?: OperatorSecrets | undefined;
}

const unavailable: EdgeError = {
  status: 503,
  message: 'The edge cannot check API keys now. Try again.',
  code: 'accounts_unavailable',
  retryAfter: 1,
};

/** Lines of the log by code. */
const failures = {
  accounts_unavailable: 'the database of API keys does not answer',
  usage_not_written: 'the usage of a request is not written yet; it is written with the next one',
  meter_not_corrected: 'a reservation could not be lowered; it stays until its request ends',
} as const;

/** The sums of the month are read at most this often, because they take long. */
const MONTH_KNOWN_MS = 10_000;

/** A meter elsewhere takes a request for lost if it hears nothing of it for some of these intervals. */
const TOUCH_MS = 30_000;

/** Tokens that a chat template may add to the text of a request. */
const TEMPLATE_TOKENS = 256;

const noTokens = { promptTokens: 0, answerTokens: 0 };

export class Accounts {
  readonly #store: AccountStore;
  readonly #cache: AccountCache;
  readonly #meters: Meters;
  readonly #models: ServedModels;
  readonly #options: AccountsOptions;
  readonly #shared: Shared;
  /** Requests whose usage is not written yet, although they have ended. */
  readonly #settling = new Set<Promise<void>>();

  constructor(options: AccountsOptions, shared: Shared, models: ServedModels) {
    const { database } = options;
    this.#options = options;
    this.#shared = shared;
    this.#store = new AccountStore(database, shared.hashing);
    this.#cache = new AccountCache(this.#store);
    this.#models = models;
    this.#meters =
      options.meters ??
      new Metering({
        database,
        openMeter: openWholeMeter,
        onFailure: (cause) => this.#failed('usage_not_written', cause),
      });
  }

  /** The operators' API, to be mounted under `/admin`. Undefined if operators have no secret. */
  admin(edge: Pick<StatusParts, 'regions' | 'gateways' | 'counts' | 'isOneOfMany'>): Hono | undefined {
    const { adminSecrets: secrets, database } = this.#options;
    const { hashing } = this.#shared;
    const onChange = () => this.#cache.clear();
    const onFailure = (cause: unknown) => {
      this.#failed('accounts_unavailable', cause);
      return unavailable;
    };
    let month: { days: UsageDay[]; at: number } | undefined;
    const status = async () => {
      const now = Date.now();
      if (month === undefined || now - month.at > MONTH_KNOWN_MS) {
        const from = Date.parse(`${monthOf(now)}-01`);
        month = { days: await usageByDay(database, { key: undefined, from, to: now + 1 }), at: now };
      }
      return statusOf({ ...edge, accounts: await this.#store.list(), month: month.days, now });
    };
    return (
      secrets && adminApi({ accounts: this.#store, database, hashing, secrets, onChange, onFailure, status })
    );
  }

  /** The key of a request. Refuses it before its body is read, if a limit leaves no room for any request. */
  async enter({
    headers,
    method,
  }: Pick<Request, 'headers' | 'method'>): Promise<{ account: Account } | { error: EdgeError }> {
    const given = keyOfRequest((name) => headers.get(name));
    const now = Date.now();
    try {
      const isKey = given?.startsWith(KEY_PREFIX) === true;
      const found = isKey ? await this.#cache.bySecret(given, now) : undefined;
      const entered = authenticated(given, found, now);
      if ('error' in entered) return entered;
      const { account } = entered;
      // Only a POST counts.
      const exceeded =
        method === 'POST' ? await this.#meters.refusal?.(account.name, account, now) : undefined;
      if (exceeded === undefined) return entered;
      return { error: limitError(account.name, exceeded, noTokens) };
    } catch (cause) {
      this.#failed('accounts_unavailable', cause);
      return { error: unavailable };
    }
  }

  /**
   * Whether the key may make the call now. A call that generates gets a ticket, which must end. `hold` keeps the host from ending work
   * that goes on after the answer.
   */
  async admit(
    account: Account,
    call: Call,
    hold: (work: Promise<unknown>) => void,
  ): Promise<{ ticket?: Ticket } | { error: EdgeError }> {
    const { fields } = call;
    const refusal = permissionError(account, { ...fields, needsModel: call.kind === 'generate' });
    if (refusal !== undefined) return { error: refusal };
    try {
      if (call.answer !== undefined) return await this.#reserve(account, call, hold);
      if (call.method !== 'POST') return {};
      const error = await this.#pass(account);
      return error === undefined ? {} : { error };
    } catch (cause) {
      this.#failed('accounts_unavailable', cause);
      return { error: unavailable };
    }
  }

  /** Answers a key's question about its own usage. Such questions count as requests. */
  async usage(request: Request): Promise<Response> {
    const { headers, url } = request;
    const refuse = (error: EdgeError) =>
      errorAnswer(error, { format: 'choices', requestId: requestIdOf(headers) });
    const entered = await this.enter(request);
    if ('error' in entered) return refuse(entered.error);
    const { account } = entered;
    const { searchParams } = new URL(url);
    const asked = usageQuery((name) => searchParams.get(name) ?? undefined);
    if ('error' in asked) return refuse(asked.error);
    try {
      const error = await this.#pass(account);
      if (error !== undefined) return refuse(error);
      return await usageAnswer(this.#options.database, asked, account.name);
    } catch (cause) {
      this.#failed('accounts_unavailable', cause);
      return refuse(unavailable);
    }
  }

  /** Settles the requests that were open when an earlier process ended, if their meters were in it. Resolves to their number. */
  async recover(): Promise<number> {
    const { gateways } = this.#shared;
    if (!(this.#meters instanceof Metering)) return 0;
    const urls = gateways.all.map(({ url }) => url);
    const silent = new Set<string>();
    return await this.#meters.recover((id) => askAllUsage(urls, id, this.#shared, silent), Date.now());
  }

  /** Resolves when the usage of all requests that have ended is written. */
  async settled(): Promise<void> {
    while (this.#settling.size > 0) await Promise.all(this.#settling);
  }

  /** Counts a request that uses no tokens, or returns the error of the limit that refuses it. */
  async #pass(account: Account): Promise<EdgeError | undefined> {
    const exceeded = await this.#meters.pass(account.name, account, Date.now());
    return exceeded && limitError(account.name, exceeded, noTokens);
  }

  async #reserve(account: Account, call: Call, hold: (work: Promise<unknown>) => void) {
    const request = await this.#beginningOf(account, call);
    const reserved = await this.#meters.reserve(request, account);
    if ('exceeded' in reserved) return { error: limitError(account.name, reserved.exceeded, request) };
    return { ticket: this.#ticketOf(request, account, { reserved: reserved.readings, hold }) };
  }

  /** A token has at least one byte, so the body bounds the prompt. */
  async #beginningOf(account: Account, call: Call): Promise<Beginning> {
    const { model, maxTokens, answers } = call.fields;
    const context = await this.#models.longestContext();
    const each = Math.min(maxTokens ?? call.defaultTokens ?? context, context);
    return {
      id: call.answer?.id ?? '',
      request: call.id,
      key: account.name,
      // Other names are no model, but text of the client.
      model: model !== undefined && this.#models.knows(model) ? model : null,
      endpoint: `/v1/${call.name}`,
      began: Date.now(),
      promptTokens: Math.min((call.body?.length ?? 0) + TEMPLATE_TOKENS, context * answers),
      answerTokens: each * answers,
    };
  }

  #ticketOf(
    request: Beginning,
    account: Account,
    { reserved, hold }: { reserved: Readings; hold: (work: Promise<unknown>) => void },
  ): Ticket {
    let readings = reserved;
    const written = Promise.withResolvers<void>();
    hold(written.promise);
    const { touch } = this.#meters;
    const timer = touch && setInterval(() => touch(request).catch(() => {}), TOUCH_MS);
    return {
      began: ({ prompt_tokens: tokens }) => {
        this.#meters
          .correct(request, tokens, account)
          .catch((cause: unknown) => this.#failed('meter_not_corrected', cause));
      },
      end: (outcome) => {
        if (timer !== undefined) clearInterval(timer);
        const settling = this.#settle(request, outcome, account)
          .then((after) => {
            readings = after;
          })
          .catch((cause: unknown) => this.#failed('usage_not_written', cause))
          .finally(() => {
            this.#settling.delete(settling);
            written.resolve();
          });
        this.#settling.add(settling);
        return settling;
      },
      headers: (format: Format) => ({
        ...rateHeaders(readings),
        ...(format === 'messages' && anthropicRateHeaders(readings, Date.now())),
      }),
    };
  }

  async #settle(request: Beginning, outcome: Outcome, account: Account): Promise<Readings> {
    const { isFinal, gateway, regions, status, resumes } = outcome;
    const asked =
      isFinal || gateway === undefined ? undefined : await askUsage(gateway, request.id, this.#shared);
    const usage = asked ?? outcome.usage;
    const isExact = isFinal || asked !== undefined;
    const ending = { regions: regions.join(','), status, resumes, usage, isExact, ended: Date.now() };
    return await this.#meters.settle(request, ending, account);
  }

  #failed(code: keyof typeof failures, cause: unknown): void {
    this.#shared.log({ level: 'error', code, message: failures[code], cause: String(cause) });
  }
}

/** In whose name requests of the key are signed. */
export function callerOf({ name, scopes, weight }: Account): Caller {
  return { tenant: name, scopes, ...(weight !== null && { weight }) };
}
