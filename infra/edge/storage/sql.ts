// The database of the edge: statements in the SQL of SQLite, which D1 and node:sqlite both understand.

export type SqlValue = string | number | null;

export interface Statement {
  /** With `?` for each value. */
  sql: string;
  values: readonly SqlValue[];
}

export interface Sql {
  /** The rows of a query. Their columns have the names of the query. */
  all(statement: Statement): Promise<Record<string, SqlValue>[]>;
  /** Runs the statements in one transaction: all of them or none. Returns the number of rows that each has changed. */
  run(statements: readonly Statement[]): Promise<number[]>;
}

/** Writes a statement as a template: ``sql`SELECT * FROM keys WHERE name = ${name}` ``. Values never become part of the text. */
export function sql(parts: TemplateStringsArray, ...values: readonly SqlValue[]): Statement {
  return { sql: parts.join('?'), values };
}
