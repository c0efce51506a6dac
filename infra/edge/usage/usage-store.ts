// Reads the rows of usage.
import { type Sql, type SqlValue, type Statement, sql } from '../storage/sql.ts';
import type { UsageRow } from './usage-row.ts';

/** Adds the row. A row that is added again counts once. */
export function insertRow(row: UsageRow): Statement {
  const r = row;
  return sql`INSERT OR IGNORE INTO usage VALUES (${r.id}, ${r.request}, ${r.key}, ${r.model}, ${r.endpoint}, ${r.regions},
    ${r.prompt_tokens}, ${r.cached_tokens}, ${r.generated_tokens}, ${r.degraded_hops}, ${r.resumes}, ${r.status},
    ${r.estimated}, ${r.began}, ${r.ended})`;
}

/** Most sums that are read at once. */
const MOST_DAYS = 100_000;

/** Which rows are read. Undefined: all keys. */
export interface UsageQuery {
  key: string | undefined;
  /** Unix milliseconds: requests that began at or after `from` and before `to`. */
  from: number;
  to: number;
}

/** The sums of one key on one day. */
export interface UsageDay {
  key: string;
  /** UTC, such as `2026-12-01`. */
  day: string;
  model: string | null;
  requests: number;
  prompt_tokens: number;
  cached_tokens: number;
  generated_tokens: number;
  degraded_hops: number;
  resumes: number;
  /** Number of requests whose tokens are estimated. */
  estimated: number;
}

/** At most `MOST_DAYS` sums. */
export async function usageByDay(database: Sql, query: UsageQuery): Promise<UsageDay[]> {
  const { where, values } = rangeOf(query);
  const rows = await database.all({
    sql: `SELECT key, date(began / 1000, 'unixepoch') AS day, model, count(*) AS requests, sum(prompt_tokens) AS prompt_tokens,
        coalesce(sum(cached_tokens), 0) AS cached_tokens, sum(generated_tokens) AS generated_tokens,
        sum(degraded_hops) AS degraded_hops, sum(resumes) AS resumes, sum(estimated) AS estimated
      FROM usage WHERE ${where} GROUP BY key, day, model ORDER BY key, day, model LIMIT ?`,
    values: [...values, MOST_DAYS],
  });
  return rows as unknown as UsageDay[];
}

/** Oldest first. */
export async function usageRows(
  database: Sql,
  { limit, ...query }: UsageQuery & { limit: number },
): Promise<UsageRow[]> {
  const { where, values } = rangeOf(query);
  const rows = await database.all({
    sql: `SELECT * FROM usage WHERE ${where} ORDER BY began, id LIMIT ?`,
    values: [...values, limit],
  });
  return rows as unknown as UsageRow[];
}

/** A condition that allows every key could not use the index of keys, so without a key there is none. */
function rangeOf({ key, from, to }: UsageQuery): { where: string; values: SqlValue[] } {
  const where = 'began >= ? AND began < ?';
  return key === undefined
    ? { where, values: [from, to] }
    : { where: `key = ? AND ${where}`, values: [key, from, to] };
}
