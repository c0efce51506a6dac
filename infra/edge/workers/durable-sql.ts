// The database of a Durable Object: SQLite that belongs to the object.
import type { Sql, SqlValue, Statement } from '../storage/sql.ts';

export function durableSql(storage: DurableObjectStorage): Sql {
  const rows = ({ sql, values }: Statement) => storage.sql.exec<Record<string, SqlValue>>(sql, ...values);
  return {
    all: async (statement) => rows(statement).toArray(),
    run: async (statements) =>
      storage.transactionSync(() => statements.map((statement) => rows(statement).rowsWritten)),
  };
}
