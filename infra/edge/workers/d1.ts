// The edge's database as Cloudflare D1. `wrangler d1 migrations apply` makes its tables from storage/migrations/.
import type { Sql, SqlValue, Statement } from '../storage/sql.ts';

export function d1(database: D1Database): Sql {
  const bound = ({ sql, values }: Statement) => database.prepare(sql).bind(...values);
  return {
    all: async (statement) => (await bound(statement).all<Record<string, SqlValue>>()).results,
    async run(statements) {
      const results = await database.batch(statements.map(bound));
      return results.map(({ meta }) => meta.changes);
    },
  };
}
