// The meter of one key in one place as a Durable Object, which all instances of the Worker in this place share. It decides with what
// the key's home has lent it. Rows of usage wait in the object's own storage until they are in D1. Requests whose instance of the
// Worker has ended are settled by the object.
import { DurableObject } from 'cloudflare:workers';
import type { Readings } from '../../../tenancy/rate-headers.ts';
import { LEASE_MS, type LeaseRequest } from '../limits/lease.ts';
import { LeasedMeter, type LeasedState } from '../limits/leased-meter.ts';
import type { Exceeded, Limits } from '../limits/meter.ts';
import { type Beginning, type Ending, Metering, type Meters } from '../limits/metering.ts';
import { signer, webHashing } from '../sign.ts';
import tables from '../storage/migrations/0002_usage.sql';
import { type Sql, sql } from '../storage/sql.ts';
import { askAllUsage } from '../usage/ask-usage.ts';
import { insertRow, usageRows } from '../usage/usage-store.ts';
import { d1 } from './d1.ts';
import { durableSql } from './durable-sql.ts';
import { fetchAsk } from './fetch-ask.ts';
import { type Bindings, settingsOf } from './settings.ts';

/** Rows wait at most this long for others, so that one write to D1 has many of them. */
const SHIP_MS = 1_000;
const ROWS_AT_ONCE = 50;
/** Wait after a failure of D1. */
const RETRY_MS = 10_000;
/** A request of which nothing was heard for this long is lost: its instance of the Worker has ended. */
const LOST_MS = 120_000;

export class KeyMeter extends DurableObject<Bindings> implements Meters {
  readonly #database: Sql;
  readonly #metering: Metering<LeasedState>;
  /** Open as soon as a request or the alarm has needed it. */
  #leased: LeasedMeter | undefined;
  #key = '';

  constructor(state: DurableObjectState, bindings: Bindings) {
    super(state, bindings);
    const { storage } = state;
    void state.blockConcurrencyWhile(async () => {
      if ((await storage.get('tables')) !== undefined) return;
      storage.sql.exec(tables);
      await storage.put('tables', 1);
    });
    this.#database = durableSql(storage);
    this.#metering = new Metering<LeasedState>({
      database: this.#database,
      openMeter: (key, state, open) => {
        this.#key = key;
        this.#leased = new LeasedMeter(this.#placeOf(key), state, open);
        return this.#leased;
      },
      onFailure: failed,
    });
  }

  async reserve(
    request: Beginning,
    limits: Limits,
  ): Promise<{ exceeded: Exceeded } | { readings: Readings }> {
    await this.#wakeWithin(LEASE_MS / 2); // before the home is asked, whose answer may be lost
    return await this.#metering.reserve(request, limits);
  }

  async pass(key: string, limits: Limits, now: number): Promise<Exceeded | undefined> {
    await this.#wakeWithin(LEASE_MS / 2);
    return await this.#metering.pass(key, limits, now);
  }

  correct(request: Beginning, promptTokens: number, limits: Limits): Promise<void> {
    return this.#metering.correct(request, promptTokens, limits);
  }

  async touch({ id }: Beginning): Promise<void> {
    await this.#metering.touched(id, Date.now());
  }

  async settle(request: Beginning, ending: Ending, limits: Limits): Promise<Readings> {
    const readings = await this.#metering.settle(request, ending, limits);
    await this.#wakeWithin(SHIP_MS);
    return readings;
  }

  override async alarm(): Promise<void> {
    try {
      await this.#settleLost();
      if (await this.#ship()) await this.#wakeWithin(0);
    } catch (cause) {
      failed(cause);
      await this.#wakeWithin(RETRY_MS);
    }
    await this.#renewIfDue();
  }

  #placeOf(key: string) {
    const { HOMES } = this.env;
    if (HOMES === undefined) throw new Error('the binding HOMES is missing');
    return {
      place: this.ctx.id.toString(),
      askHome: async (request: LeaseRequest, limits: Limits) => {
        // A restart must not bring back what this call gives up.
        await this.#metering.save(key);
        return await HOMES.getByName(key).lease(request, limits);
      },
      onFailure: failed,
    };
  }

  /** Renews the lease, or gives it back if it is not needed. Plans the next alarm while something is lent. */
  async #renewIfDue(): Promise<void> {
    try {
      const leased = await this.#opened();
      if (leased?.renewsIn(Date.now()) === 0) {
        await leased.renew(Date.now());
        await this.#metering.save(this.#key);
      }
    } catch (cause) {
      failed(cause);
    }
    const ms = this.#leased?.renewsIn(Date.now());
    if (ms !== undefined) await this.#wakeWithin(ms);
  }

  /** The meter of this object's key. Undefined if no request has come yet. */
  async #opened(): Promise<LeasedMeter | undefined> {
    if (this.#leased !== undefined) return this.#leased;
    const [row] = await this.#database.all(sql`SELECT key FROM meters`);
    if (row !== undefined) await this.#metering.save(String(row['key']));
    return this.#leased;
  }

  async #wakeWithin(ms: number): Promise<void> {
    const { storage } = this.ctx;
    const at = Date.now() + ms;
    const planned = await storage.getAlarm();
    if (planned === null || planned > at) await storage.setAlarm(at);
  }

  async #settleLost(): Promise<void> {
    const { secret, regions, region } = settingsOf(this.env);
    const parts = { ask: fetchAsk, sign: secret && signer(secret, webHashing), hashing: webHashing, region };
    const silent = new Set<string>();
    const gateways = regions.flatMap(({ gateways: urls }) => urls);
    await this.#metering.recover((id) => askAllUsage(gateways, id, parts, silent), Date.now() - LOST_MS);
  }

  /**
   * Sends rows to D1, and returns whether there are more. A row that is sent again, because the object ended before it could forget the
   * row, counts once.
   */
  async #ship(): Promise<boolean> {
    const { DB } = this.env;
    const all = { key: undefined, from: 0, to: Number.MAX_SAFE_INTEGER };
    const rows = await usageRows(this.#database, { ...all, limit: ROWS_AT_ONCE });
    if (rows.length === 0 || DB === undefined) return false;
    await d1(DB).run(rows.map(insertRow));
    await this.#database.run(rows.map(({ id }) => sql`DELETE FROM usage WHERE id = ${id}`));
    return rows.length === ROWS_AT_ONCE;
  }
}

function failed(cause: unknown): void {
  console.error(JSON.stringify({ level: 'error', code: 'usage_not_written', cause: String(cause) }));
}
