// Answers questions about usage, as JSON or CSV.
import type { EdgeError } from '../errors.ts';
import type { Sql, SqlValue } from '../storage/sql.ts';
import { usageByDay, usageRows } from './usage-store.ts';

interface Asked {
  /** Unix milliseconds. */
  from: number;
  to: number;
  by: 'day' | 'request';
  format: 'json' | 'csv';
}

const DAY_MS = 86_400_000;
/** Days up to now, if the question does not say. */
const DEFAULT_DAYS = 31;
/** Longest range of a question. */
const LONGEST_DAYS = 400;
/** Most rows of one answer. */
const MOST_ROWS = 10_000;

/** `query` returns a parameter: `from` and `to` (ISO 8601), `by` (`day` or `request`), `format` (`json` or `csv`). */
export function usageQuery(query: (name: string) => string | undefined): Asked | { error: EdgeError } {
  const to = timeOf(query('to'), Date.now() + 1);
  const from = timeOf(query('from'), to - DEFAULT_DAYS * DAY_MS);
  const [by = 'day', format = 'json'] = [query('by'), query('format')];
  if (Number.isNaN(to)) return { error: invalid('to', 'a date such as 2026-12-31, or a time in ISO 8601') };
  if (Number.isNaN(from))
    return { error: invalid('from', 'a date such as 2026-12-01, or a time in ISO 8601') };
  if (to - from > LONGEST_DAYS * DAY_MS)
    return { error: invalid('from', `a time at most ${LONGEST_DAYS} days before 'to'`) };
  if (by !== 'day' && by !== 'request') return { error: invalid('by', "'day' or 'request'") };
  if (format !== 'json' && format !== 'csv') return { error: invalid('format', "'json' or 'csv'") };
  return { from, to, by, format };
}

/** The usage of one key, or of all keys if `key` is undefined. */
export async function usageAnswer(
  database: Sql,
  { from, to, by, format }: Asked,
  key: string | undefined,
): Promise<Response> {
  const range = { key, from, to };
  const [rows, columns] =
    by === 'day'
      ? [await usageByDay(database, range), dayColumns]
      : [await usageRows(database, { ...range, limit: MOST_ROWS + 1 }), rowColumns];
  const shown = rows.slice(0, MOST_ROWS);
  const iso = (ms: number) => new Date(ms).toISOString();
  if (format === 'csv') {
    const headers = {
      'content-type': 'text/csv; charset=utf-8',
      'x-truncated': String(rows.length > MOST_ROWS),
    };
    return new Response(csvOf(columns, shown as unknown as Record<string, SqlValue>[]), { headers });
  }
  return Response.json({ from: iso(from), to: iso(to), truncated: rows.length > MOST_ROWS, usage: shown });
}

const dayColumns = [
  ...['key', 'day', 'model', 'requests', 'prompt_tokens', 'cached_tokens', 'generated_tokens'],
  ...['degraded_hops', 'resumes', 'estimated'],
];
const rowColumns = [
  ...[
    'id',
    'request',
    'key',
    'model',
    'endpoint',
    'regions',
    'prompt_tokens',
    'cached_tokens',
    'generated_tokens',
  ],
  ...['degraded_hops', 'resumes', 'status', 'estimated', 'began', 'ended'],
];

/** RFC 4180. A text that a spreadsheet would compute as a formula gets an apostrophe in front. */
export function csvOf(columns: readonly string[], rows: readonly Record<string, SqlValue>[]): string {
  const cell = (value: SqlValue | undefined) => {
    const text = value === null || value === undefined ? '' : String(value);
    const safe = typeof value === 'string' && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  const lines = rows.map((row) => columns.map((column) => cell(row[column])).join(','));
  return [columns.join(','), ...lines, ''].join('\r\n');
}

function timeOf(text: string | undefined, otherwise: number): number {
  return text === undefined ? otherwise : Date.parse(/^\d{4}-\d\d-\d\d/.test(text) ? text : '');
}

function invalid(param: string, expected: string): EdgeError {
  return { status: 400, message: `Invalid '${param}': expected ${expected}.`, code: 'invalid_value', param };
}
