// Keeps the API keys of the edge in its database. Secrets are stored as hashes only.
import type { Scope } from '../../../resume/signed-request.ts';
import { KEY_BYTES, KEY_PREFIX, shownPart } from '../../../tenancy/api-key.ts';
import { base64url, type Hashing, randomBytes, utf8 } from '../sign.ts';
import { type Sql, type SqlValue, type Statement, sql } from '../storage/sql.ts';
import { type Account, type AccountFields, anyFields, type NewAccount } from './account.ts';

/** A secret is returned once, when it is drawn. */
export interface Drawn {
  account: Account;
  /** Undefined if the key was imported. */
  secret: string | undefined;
}

export class AccountStore {
  readonly #sql: Sql;
  readonly #sha256: Hashing['sha256'];

  constructor(database: Sql, { sha256 }: Pick<Hashing, 'sha256'>) {
    this.#sql = database;
    this.#sha256 = sha256;
  }

  /** The key with this secret, whether or not it may be used. */
  async bySecret(secret: string, now: number): Promise<Account | undefined> {
    const hash = await this.#hash(secret);
    const [row] = await this.#sql.all(
      sql`SELECT * FROM keys WHERE hash = ${hash} OR (previous_hash = ${hash} AND previous_until > ${now})`,
    );
    return row && accountOf(row);
  }

  async byName(name: string): Promise<Account | undefined> {
    const [row] = await this.#sql.all(sql`SELECT * FROM keys WHERE name = ${name}`);
    return row && accountOf(row);
  }

  async list(): Promise<Account[]> {
    return (await this.#sql.all(sql`SELECT * FROM keys ORDER BY name`)).map(accountOf);
  }

  /** Undefined if there is a key with this name, or with the given `sha256`. */
  async create({ name, sha256, ...given }: NewAccount, now: number): Promise<Drawn | undefined> {
    const secret = sha256 === undefined ? drawSecret() : undefined;
    const hash = sha256 ?? (await this.#hash(secret ?? ''));
    const shown = secret === undefined ? '' : shownPart(secret);
    const f: AccountFields = { ...anyFields, ...given };
    const [added] = await this.#sql.run([
      sql`INSERT INTO keys (name, hash, shown, scopes, models, regions, rpm, tpm, concurrency, budget, weight, created, expires, disabled)
        SELECT ${name}, ${hash}, ${shown}, ${JSON.stringify(f.scopes)}, ${list(f.models)}, ${list(f.regions)}, ${f.rpm}, ${f.tpm},
          ${f.concurrency}, ${f.budget}, ${f.weight}, ${now}, ${f.expires}, ${Number(f.disabled)}
        WHERE NOT EXISTS (SELECT 1 FROM keys WHERE name = ${name} OR hash = ${hash} OR previous_hash = ${hash})`,
    ]);
    if (added === 0) return undefined;
    return { account: { ...f, name, shown, created: now, previousUntil: null }, secret };
  }

  /** Draws a new secret. The one before it stays valid for `graceMs`. Undefined if there is no such key. */
  async rotate(name: string, { graceMs, now }: { graceMs: number; now: number }): Promise<Drawn | undefined> {
    const secret = drawSecret();
    const hash = await this.#hash(secret);
    const until = now + graceMs;
    await this.#sql.run([
      sql`UPDATE keys SET previous_hash = hash, previous_until = ${until}, hash = ${hash}, shown = ${shownPart(secret)}
        WHERE name = ${name}`,
    ]);
    const account = await this.byName(name);
    return account && { account, secret };
  }

  /** Undefined if there is no such key. */
  async update(name: string, changes: Partial<AccountFields>): Promise<Account | undefined> {
    const statements = Object.entries(changes).flatMap(([field, value]) =>
      Object.hasOwn(updates, field) ? [updates[field as keyof AccountFields](value as never, name)] : [],
    );
    if (statements.length > 0) await this.#sql.run(statements);
    return await this.byName(name);
  }

  async #hash(secret: string): Promise<string> {
    return await this.#sha256(utf8(secret));
  }
}

/** 256 random bits. */
function drawSecret(): string {
  return KEY_PREFIX + base64url(randomBytes(KEY_BYTES));
}

/** A statement for each field, because the name of a column cannot be a value. */
const updates: {
  [Field in keyof AccountFields]: (value: AccountFields[Field], name: string) => Statement;
} = {
  scopes: (value, name) => sql`UPDATE keys SET scopes = ${JSON.stringify(value)} WHERE name = ${name}`,
  models: (value, name) => sql`UPDATE keys SET models = ${list(value)} WHERE name = ${name}`,
  regions: (value, name) => sql`UPDATE keys SET regions = ${list(value)} WHERE name = ${name}`,
  rpm: (value, name) => sql`UPDATE keys SET rpm = ${value} WHERE name = ${name}`,
  tpm: (value, name) => sql`UPDATE keys SET tpm = ${value} WHERE name = ${name}`,
  concurrency: (value, name) => sql`UPDATE keys SET concurrency = ${value} WHERE name = ${name}`,
  budget: (value, name) => sql`UPDATE keys SET budget = ${value} WHERE name = ${name}`,
  weight: (value, name) => sql`UPDATE keys SET weight = ${value} WHERE name = ${name}`,
  expires: (value, name) => sql`UPDATE keys SET expires = ${value} WHERE name = ${name}`,
  disabled: (value, name) => sql`UPDATE keys SET disabled = ${Number(value)} WHERE name = ${name}`,
};

function list(names: readonly string[] | null): string | null {
  return names && JSON.stringify(names);
}

function accountOf(row: Record<string, SqlValue>): Account {
  const number = (column: string) => (row[column] === null ? null : Number(row[column]));
  const names = (column: string): string[] | null => JSON.parse(String(row[column] ?? 'null'));
  return {
    name: String(row['name']),
    shown: String(row['shown']),
    scopes: (names('scopes') ?? []) as Scope[],
    models: names('models'),
    regions: names('regions'),
    rpm: number('rpm'),
    tpm: number('tpm'),
    concurrency: number('concurrency'),
    budget: number('budget'),
    weight: number('weight'),
    created: Number(row['created']),
    expires: number('expires'),
    disabled: row['disabled'] === 1,
    previousUntil: number('previous_until'),
  };
}
