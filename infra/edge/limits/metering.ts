// Applies the limits of keys, and writes reservations and usage to the database.
//
// The meters in memory decide. Each decision is in the database before it has an effect outside: a reservation before the request
// leaves the edge, and the usage of a request together with the end of its reservation, in one transaction. So each request is
// settled exactly once, even if the edge is killed in between.
import type { UsageReport } from '../../../resume/usage-report.ts';
import type { Readings } from '../../../tenancy/rate-headers.ts';
import { type Sql, type SqlValue, type Statement, sql } from '../storage/sql.ts';
import type { UsageRow } from '../usage/usage-row.ts';
import { insertRow } from '../usage/usage-store.ts';
import {
  type Deciding,
  type Exceeded,
  type Limits,
  Meter,
  type MeterState,
  type Reservation,
} from './meter.ts';

/** A request before it leaves the edge. */
export interface Beginning extends Pick<UsageRow, 'id' | 'request' | 'key' | 'model' | 'endpoint' | 'began'> {
  /** The most tokens that the prompt may have. */
  promptTokens: number;
  /** The most tokens that all of its answers may have. */
  answerTokens: number;
}

/** How a request has ended. */
export interface Ending extends Pick<UsageRow, 'regions' | 'resumes' | 'status' | 'ended'> {
  /** Undefined if nothing is known about it. */
  usage: UsageReport | undefined;
  /** Whether a gateway has told the usage after its end. */
  isExact: boolean;
}

/** Applies the limits of keys. Its state may be in this process or elsewhere. */
export interface Meters {
  /** Reserves the tokens of a request, or returns the limit that refuses it. Rejects if the reservation cannot be written. */
  reserve(request: Beginning, limits: Limits): Promise<{ exceeded: Exceeded } | { readings: Readings }>;
  /** Counts a request that uses no tokens. It has no row of usage. Returns the limit that refuses it. */
  pass(key: string, limits: Limits, now: number): Promise<Exceeded | undefined>;
  /** The limit that refuses every request of the key now. Absent if asking takes as long as `reserve`. */
  refusal?(key: string, limits: Limits, now: number): Promise<Exceeded | undefined>;
  /** Lowers the reservation of an open request, because the tokens of its prompt are known now. */
  correct(request: Beginning, promptTokens: number, limits: Limits): Promise<void>;
  /** Ends a request. Further calls for the same request have no effect. */
  settle(request: Beginning, ending: Ending, limits: Limits): Promise<Readings>;
  /** Called now and then while the request is open. Absent if the meters end together with the edge. */
  touch?(request: Beginning): Promise<void>;
}

/** Opens the meter of a key with its stored state (undefined: it is new) and its open requests. */
export type OpenMeter<State> = (
  key: string,
  state: State | undefined,
  open: readonly [string, Reservation][],
) => Deciding<State>;

interface MeteringOptions<State> {
  database: Sql;
  openMeter: OpenMeter<State>;
  /** Called if usage cannot be written. It is written again with the next request. */
  onFailure: (cause: unknown) => void;
}

/** Lost requests that are settled at the same time. */
const AT_ONCE = 32;

const noLimits: Limits = { rpm: null, tpm: null, concurrency: null, budget: null };

/** Meters that know all requests of their keys. */
export const openWholeMeter: OpenMeter<MeterState> = (_, state, open) => new Meter(state, open);

/** Keeps the state of all meters in this process, and in a database that no other process writes. */
export class Metering<State> implements Meters {
  readonly #database: Sql;
  readonly #openMeter: OpenMeter<State>;
  readonly #onFailure: MeteringOptions<State>['onFailure'];
  readonly #meters = new Map<string, Promise<Deciding<State>>>();
  /** What could not be written yet, oldest first. */
  #unwritten: Statement[] = [];

  constructor({ database, openMeter, onFailure }: MeteringOptions<State>) {
    this.#database = database;
    this.#openMeter = openMeter;
    this.#onFailure = onFailure;
  }

  async reserve(
    request: Beginning,
    limits: Limits,
  ): Promise<{ exceeded: Exceeded } | { readings: Readings }> {
    const { id, key, promptTokens, answerTokens, began: now } = request;
    const meter = await this.#meterOf(key);
    const exceeded = await meter.reserve(id, { tokens: promptTokens + answerTokens, limits, now });
    if (exceeded !== undefined) return { exceeded };
    try {
      await this.#write([saveMeter(key, meter.state), insertReservation(request)]);
    } catch (error) {
      meter.settle(id, { tokens: 0, limits, now });
      throw error;
    }
    return { readings: meter.read(limits, now) };
  }

  async pass(key: string, limits: Limits, now: number): Promise<Exceeded | undefined> {
    const meter = await this.#meterOf(key);
    const exceeded = await meter.pass(limits, now);
    if (exceeded === undefined) await this.#write([saveMeter(key, meter.state)]);
    return exceeded;
  }

  async refusal(key: string, limits: Limits, now: number): Promise<Exceeded | undefined> {
    return (await this.#meterOf(key)).refusal(limits, now);
  }

  async correct({ id, key, answerTokens }: Beginning, promptTokens: number, limits: Limits): Promise<void> {
    const meter = await this.#meterOf(key);
    meter.correct(id, { tokens: promptTokens + answerTokens, limits, now: Date.now() });
    // Is written together with the next state of the meter, so that both agree after a crash.
    this.#unwritten.push(
      sql`UPDATE reservations SET prompt_tokens = ${promptTokens} WHERE id = ${id} AND prompt_tokens > ${promptTokens}`,
    );
  }

  /** Rejects only if the meter of a key cannot be read. */
  async settle(request: Beginning, ending: Ending, limits: Limits): Promise<Readings> {
    const { id, key } = request;
    const meter = await this.#meterOf(key);
    const row = rowOf(request, ending, meter.open.get(id)?.tokens);
    const tokens = row.prompt_tokens + row.generated_tokens;
    if (meter.settle(id, { tokens, limits, now: ending.ended })) {
      this.#unwritten.push(
        saveMeter(key, meter.state),
        sql`DELETE FROM reservations WHERE id = ${id}`,
        insertRow(row),
      );
      await this.#write([]).catch(this.#onFailure);
    }
    return meter.read(limits, ending.ended);
  }

  /** Notes that the request is still open at `now`. */
  async touched(id: string, now: number): Promise<void> {
    await this.#write([sql`UPDATE reservations SET touched = ${now} WHERE id = ${id}`]);
  }

  /** Number of requests that are open. */
  async open(): Promise<number> {
    const [row] = await this.#database.all(sql`SELECT count(*) AS count FROM reservations`);
    return Number(row?.['count']);
  }

  /**
   * Settles the requests whose edge has ended: those that were last known to be open before `before`. They are settled with the usage that
   * `usageOf` finds, or else with all tokens that they had reserved. Resolves to their number.
   */
  async recover(usageOf: (id: string) => Promise<UsageReport | undefined>, before: number): Promise<number> {
    const rows = await this.#database.all(sql`SELECT * FROM reservations WHERE touched < ${before}`);
    const lost = rows.map(reservationOf);
    const one = async (request: Beginning) => {
      const usage = await usageOf(request.id);
      const ending = { regions: '', resumes: 0, status: 502, ended: Date.now(), usage };
      await this.settle(request, { ...ending, isExact: usage !== undefined }, noLimits);
    };
    for (let at = 0; at < lost.length; at += AT_ONCE)
      await Promise.all(lost.slice(at, at + AT_ONCE).map(one));
    return lost.length;
  }

  /** Writes the state of the key's meter, which has changed without a request. */
  async save(key: string): Promise<void> {
    await this.#write([saveMeter(key, (await this.#meterOf(key)).state)]);
  }

  #meterOf(key: string): Promise<Deciding<State>> {
    const known = this.#meters.get(key);
    if (known !== undefined) return known;
    const loading = this.#load(key);
    this.#meters.set(key, loading);
    loading.catch(() => this.#meters.delete(key));
    return loading;
  }

  async #load(key: string): Promise<Deciding<State>> {
    const [[saved], open] = await Promise.all([
      this.#database.all(sql`SELECT state FROM meters WHERE key = ${key}`),
      this.#database.all(sql`SELECT * FROM reservations WHERE key = ${key}`),
    ]);
    const state = saved && (JSON.parse(String(saved['state'])) as State);
    return this.#openMeter(
      key,
      state,
      open.map(reservationOf).map(({ id, promptTokens, answerTokens, began }) => {
        return [id, { tokens: promptTokens + answerTokens, at: began }];
      }),
    );
  }

  /** Writes `statements` after all that could not be written before. */
  async #write(statements: readonly Statement[]): Promise<void> {
    const earlier = this.#unwritten;
    this.#unwritten = [];
    try {
      await this.#database.run([...earlier, ...statements]);
    } catch (error) {
      this.#unwritten = [...earlier, ...this.#unwritten];
      throw error;
    }
  }
}

function rowOf(
  { promptTokens, answerTokens, ...request }: Beginning,
  { usage, isExact, regions, resumes, status, ended }: Ending,
  reserved: number | undefined,
): UsageRow {
  // The reservation may have been lowered to the tokens of the prompt.
  const prompt = Math.min(promptTokens, (reserved ?? Infinity) - answerTokens);
  return {
    ...request,
    ...{ regions, resumes, status, ended },
    prompt_tokens: usage?.prompt_tokens ?? prompt,
    cached_tokens: usage?.cached_tokens ?? null,
    generated_tokens: usage?.generated_tokens ?? answerTokens,
    degraded_hops: usage?.degraded_hops ?? 0,
    estimated: isExact ? 0 : 1,
  };
}

function saveMeter(key: string, state: unknown): Statement {
  return sql`INSERT INTO meters VALUES (${key}, ${JSON.stringify(state)}) ON CONFLICT (key) DO UPDATE SET state = excluded.state`;
}

function insertReservation(request: Beginning): Statement {
  const { id, key, promptTokens, answerTokens, request: requestId, model, endpoint, began } = request;
  return sql`INSERT INTO reservations VALUES (${id}, ${key}, ${promptTokens}, ${answerTokens}, ${requestId}, ${model}, ${endpoint},
    ${began}, ${began})`;
}

function reservationOf(row: Record<string, SqlValue>): Beginning {
  return {
    id: String(row['id']),
    key: String(row['key']),
    promptTokens: Number(row['prompt_tokens']),
    answerTokens: Number(row['answer_tokens']),
    request: String(row['request']),
    model: row['model'] === null ? null : String(row['model']),
    endpoint: String(row['endpoint']),
    began: Number(row['began']),
  };
}
