// The database of the edge on Node.
import { writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { expect, it } from 'vitest';
import { sql } from '../../../../infra/edge/storage/sql.ts';
import { openSqlite } from '../../../../infra/edge/storage/sqlite.ts';
import { temporaryDatabase, temporaryFile } from '../accounts/edge-with-accounts.ts';

const row = (key: string) => sql`INSERT INTO meters VALUES (${key}, 'x')`;

it('runs all statements or none, and tells how many rows each has changed', async () => {
  const database = await temporaryDatabase();
  expect(await database.run([row('a'), row('b'), sql`DELETE FROM meters`])).toEqual([1, 1, 2]);
  await expect(database.run([row('c'), row('c')])).rejects.toThrow(/UNIQUE/);
  expect(await database.all(sql`SELECT * FROM meters`)).toEqual([]);
});

it('never takes a value for SQL', async () => {
  const database = await temporaryDatabase();
  const name = "'; DROP TABLE meters; --";
  await database.run([row(name)]);
  const [found] = await database.all(sql`SELECT * FROM meters WHERE key = ${name}`);
  expect({ ...found }).toEqual({ key: name, state: 'x' });
});

it('keeps its rows when it is opened again', async () => {
  const file = temporaryFile('again');
  const first = await openSqlite(file);
  await first.run([row('kept')]);
  first.close();
  const second = await openSqlite(file);
  expect(await second.all(sql`SELECT key FROM meters`)).toHaveLength(1);
  second.close();
});

it('refuses a file that is no database, that a newer version made, or that another edge uses', async () => {
  const text = temporaryFile('text');
  writeFileSync(text, 'x'.repeat(4096));
  await expect(openSqlite(text)).rejects.toThrow(`${text}: file is not a database`);
  const newer = temporaryFile('newer');
  const made = new DatabaseSync(newer);
  made.exec('PRAGMA user_version = 99');
  made.close();
  await expect(openSqlite(newer)).rejects.toThrow(`${newer} was made by a newer version of expertgrid`);
  const used = temporaryFile('used');
  const first = await openSqlite(used);
  await expect(openSqlite(used)).rejects.toThrow(`${used} is used by another process`);
  first.close();
});
