// The edge's database in a file, by the SQLite that Node contains.
import { readdirSync, readFileSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import type { Sql, SqlValue, Statement } from './sql.ts';

export interface SqliteFile extends Sql {
  close(): void;
}

const MIGRATIONS = new URL('migrations/', import.meta.url);

/** Codes of SQLite for a file that another process has locked. */
const BUSY = 5;

/**
 * Opens or makes the file, and brings its tables up to date. No other process can open it meanwhile, because the edge keeps parts of it
 * in memory. What `run` has written survives the end of the process, but the last moments may be lost with the machine's power, because
 * the file is synchronized to the disk now and then only (`synchronous = NORMAL`). Errors name the file.
 */
export async function openSqlite(path: string): Promise<SqliteFile> {
  const { DatabaseSync } = await sqlite();
  const database = new DatabaseSync(path);
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;');
    migrate(database, path);
  } catch (error) {
    database.close();
    throw explained(error, path);
  }
  /** Prepared once, because preparing costs more than most statements. The edge has a fixed number of texts. */
  const prepared = new Map<string, ReturnType<DatabaseSync['prepare']>>();
  function prepare(text: string) {
    const known = prepared.get(text);
    if (known !== undefined) return known;
    const made = database.prepare(text);
    prepared.set(text, made);
    return made;
  }
  return {
    all: async ({ sql, values }) => prepare(sql).all(...values) as Record<string, SqlValue>[],
    run: async (statements) => transaction(database, () => statements.map(runOne)),
    close() {
      if (database.isOpen) database.close();
    },
  };

  function runOne({ sql, values }: Statement): number {
    return Number(prepare(sql).run(...values).changes);
  }
}

/** Loads the SQLite of Node without Node's warning that its interface may still change. */
async function sqlite(): Promise<typeof import('node:sqlite')> {
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    return await import('node:sqlite');
  } catch (cause) {
    throw new Error(`This Node (${process.version}) has no SQLite. Use Node 22.13 or newer.`, { cause });
  } finally {
    process.emitWarning = emitWarning;
  }
}

function transaction<T>(database: DatabaseSync, action: () => T): T {
  database.exec('BEGIN IMMEDIATE');
  try {
    const result = action();
    database.exec('COMMIT');
    return result;
  } catch (error) {
    database.exec('ROLLBACK');
    throw error;
  }
}

function explained(error: unknown, path: string): Error {
  const { errcode, message } = error as { errcode?: number; message: string };
  if (errcode === undefined) return error as Error;
  const what =
    errcode === BUSY ? 'is used by another process. Stop it, or give this edge a file of its own' : '';
  return new Error(what === '' ? `${path}: ${message}` : `${path} ${what}`, { cause: error });
}

/** Runs the files of `migrations/` that the database has not seen, in the order of their numbers. `user_version` counts them. */
function migrate(database: DatabaseSync, path: string): void {
  const files = readdirSync(MIGRATIONS).sort();
  const done = Number(database.prepare('PRAGMA user_version').get()?.['user_version']);
  if (done > files.length) {
    throw new Error(
      `${path} was made by a newer version of expertgrid: it has ${done} migrations, and this version knows ${files.length}`,
    );
  }
  for (const [index, file] of files.entries()) {
    if (index < done) continue;
    transaction(database, () => {
      database.exec(readFileSync(new URL(file, MIGRATIONS), 'utf8'));
      database.exec(`PRAGMA user_version = ${index + 1}`);
    });
  }
}
