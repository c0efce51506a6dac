// The meter of one key as a Durable Object, which all instances of the Worker share. Rows of usage wait in the object's own storage
// until they are in D1.
import { DurableObject } from 'cloudflare:workers';
import type { Readings } from '../../../tenancy/rate-headers.ts';
import { d1 } from '../storage/d1.ts';
import { durableSql } from '../storage/durable.ts';
import tables from '../storage/migrations/0002_usage.sql';
import { sql } from '../storage/sql.ts';
import type { UsageRow } from '../usage/usage-row.ts';
import { insertRow } from '../usage/usage-store.ts';
import type { Exceeded, Limits } from './meter.ts';
import { type Beginning, type Ending, Metering, type Meters } from './metering.ts';

/** Rows wait at most this long for others, so that one write to D1 has many of them. */
const SHIP_MS = 1_000;
const ROWS_AT_ONCE = 50;

export interface MeterBindings {
  DB: D1Database;
}

export class KeyMeter extends DurableObject<MeterBindings> implements Meters {
  readonly #metering: Metering;

  constructor(state: DurableObjectState, bindings: MeterBindings) {
    super(state, bindings);
    const { storage } = state;
    void state.blockConcurrencyWhile(async () => {
      if ((await storage.get('tables')) === undefined) {
        storage.sql.exec(tables);
        await storage.put('tables', 1);
      }
    });
    const database = durableSql(storage);
    this.#metering = new Metering({
      database,
      onFailure: (cause) =>
        console.error(JSON.stringify({ level: 'error', code: 'usage_not_written', cause: String(cause) })),
    });
  }

  reserve(request: Beginning, limits: Limits): Promise<{ exceeded: Exceeded } | { readings: Readings }> {
    return this.#metering.reserve(request, limits);
  }

  pass(key: string, limits: Limits, now: number): Promise<Exceeded | undefined> {
    return this.#metering.pass(key, limits, now);
  }

  correct(request: Beginning, promptTokens: number, limits: Limits): Promise<void> {
    return this.#metering.correct(request, promptTokens, limits);
  }

  async settle(request: Beginning, ending: Ending, limits: Limits): Promise<Readings> {
    const readings = await this.#metering.settle(request, ending, limits);
    const { storage } = this.ctx;
    if ((await storage.getAlarm()) === null) await storage.setAlarm(Date.now() + SHIP_MS);
    return readings;
  }

  /** Sends rows to D1. A row that is sent again, because the object ended before it could forget the row, counts once. */
  override async alarm(): Promise<void> {
    const database = durableSql(this.ctx.storage);
    const rows = (await database.all(
      sql`SELECT * FROM usage LIMIT ${ROWS_AT_ONCE}`,
    )) as unknown as UsageRow[];
    if (rows.length === 0) return;
    await d1(this.env.DB).run(rows.map(insertRow));
    await database.run(rows.map(({ id }) => sql`DELETE FROM usage WHERE id = ${id}`));
    if (rows.length === ROWS_AT_ONCE) await this.ctx.storage.setAlarm(Date.now());
  }
}

/** The meters of all keys. */
export function durableMeters(namespace: DurableObjectNamespace<KeyMeter>): Meters {
  const of = (key: string) => namespace.getByName(key);
  return {
    reserve: (request, limits) => of(request.key).reserve(request, limits),
    pass: (key, limits, now) => of(key).pass(key, limits, now),
    correct: (request, promptTokens, limits) => of(request.key).correct(request, promptTokens, limits),
    settle: (request, ending, limits) => of(request.key).settle(request, ending, limits),
  };
}
