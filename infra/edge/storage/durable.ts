// The database of a Durable Object: SQLite that belongs to the object.
import type { Sql, SqlValue } from './sql.ts';

export function durableSql({ sql: database, transactionSync }: DurableObjectStorage): Sql {
  return {
    all: async ({ sql, values }) => database.exec<Record<string, SqlValue>>(sql, ...values).toArray(),
    run: async (statements) =>
      transactionSync(() => statements.map(({ sql, values }) => database.exec(sql, ...values).rowsWritten)),
  };
}
