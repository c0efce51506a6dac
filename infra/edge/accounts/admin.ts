// The operators' API of the edge: makes, changes and lists keys. docs/edge.md.
import { type Context, Hono } from 'hono';
import { z } from 'zod';
import { readWhole } from '../ask.ts';
import { type EdgeError, errorAnswer } from '../errors.ts';
import { requestIdOf } from '../requests/call.ts';
import type { Hashing } from '../sign.ts';
import type { Sql } from '../storage/sql.ts';
import { usageAnswer, usageQuery } from '../usage/usage-answer.ts';
import { accountFields, accountJson, newAccount } from './account.ts';
import type { AccountStore } from './account-store.ts';
import { type OperatorSecrets, operatorRefusal } from './operators.ts';

const LARGEST_BODY = 64 * 1024;
const DAY_S = 86_400;
/** Longest time for which the secret before a rotation stays valid. */
const LONGEST_GRACE_S = 90 * DAY_S;

const rotation = z.strictObject({ grace_seconds: z.int().min(0).max(LONGEST_GRACE_S).default(DAY_S) });
const changes = accountFields.partial();

interface AdminOptions {
  accounts: AccountStore;
  database: Sql;
  hashing: Pick<Hashing, 'sha256'>;
  secrets: OperatorSecrets;
  /** Called when a key has changed. */
  onChange: () => void;
  /** Called if the database does not answer. Returns the error for the operator. */
  onFailure: (cause: unknown) => EdgeError;
  /** What the operators' page shows. */
  status: () => Promise<object>;
}

/** To be mounted under `/admin`. */
export function adminApi({
  accounts,
  database,
  hashing,
  secrets,
  onChange,
  onFailure,
  status,
}: AdminOptions): Hono {
  const app = new Hono();
  const refuse = (c: Context, error: EdgeError) =>
    errorAnswer(error, { format: 'choices', requestId: requestIdOf(c.req.raw.headers) });
  app.use(async (c, next) => {
    const refused = await operatorRefusal(c.req.raw, { secrets, hashing });
    return refused === undefined ? await next() : refuse(c, refused);
  });
  app.onError((cause, c) => refuse(c, onFailure(cause)));

  app.get('/keys', async (c) => c.json({ keys: (await accounts.list()).map(accountJson) }));

  app.get('/keys/:name', async (c) => {
    const account = await accounts.byName(c.req.param('name'));
    return account === undefined ? refuse(c, noSuchKey(c.req.param('name'))) : c.json(accountJson(account));
  });

  app.post('/keys', async (c) => {
    const given = await fieldsOf(c, newAccount);
    if ('error' in given) return refuse(c, given.error);
    const drawn = await accounts.create(given.fields, Date.now());
    if (drawn === undefined) return refuse(c, keyExists(given.fields.name));
    onChange();
    return c.json(
      { ...accountJson(drawn.account), ...(drawn.secret !== undefined && { key: drawn.secret }) },
      201,
    );
  });

  app.post('/keys/:name/rotate', async (c) => {
    const given = await fieldsOf(c, rotation);
    if ('error' in given) return refuse(c, given.error);
    const name = c.req.param('name');
    const graceMs = 1000 * given.fields.grace_seconds;
    const drawn = await accounts.rotate(name, { graceMs, now: Date.now() });
    if (drawn === undefined) return refuse(c, noSuchKey(name));
    onChange();
    return c.json({ ...accountJson(drawn.account), key: drawn.secret });
  });

  app.patch('/keys/:name', async (c) => {
    const given = await fieldsOf(c, changes);
    if ('error' in given) return refuse(c, given.error);
    const name = c.req.param('name');
    const account = await accounts.update(name, given.fields);
    if (account === undefined) return refuse(c, noSuchKey(name));
    onChange();
    return c.json(accountJson(account));
  });

  app.get('/status', async (c) => c.json(await status()));

  app.get('/usage', async (c) => {
    const asked = usageQuery((name) => c.req.query(name));
    if ('error' in asked) return refuse(c, asked.error);
    return await usageAnswer(database, asked, c.req.query('key'));
  });
  return app;
}

type Given<Fields> = { fields: Fields } | { error: EdgeError };

/** An empty body counts as `{}`. */
async function fieldsOf<Schema extends z.ZodType>(
  c: Context,
  schema: Schema,
): Promise<Given<z.infer<Schema>>> {
  const bytes = await readWhole(c.req.raw.body, LARGEST_BODY);
  if (bytes === undefined) {
    const message = `The body has more than ${LARGEST_BODY} bytes.`;
    return { error: { status: 413, message, code: 'body_too_large' } };
  }
  let json: unknown;
  try {
    json =
      bytes.length === 0
        ? {}
        : JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(bytes));
  } catch (cause) {
    const message = `The body is not valid JSON: ${cause instanceof Error ? cause.message : String(cause)}`;
    return { error: { status: 400, message, code: 'invalid_json' } };
  }
  const read = schema.safeParse(json);
  if (read.success) return { fields: read.data };
  const [issue] = read.error.issues;
  const param = issue?.path.join('.') ?? '';
  const message = param === '' ? (issue?.message ?? '') : `Invalid '${param}': ${issue?.message}`;
  return { error: { status: 400, message, code: 'invalid_value', ...(param !== '' && { param }) } };
}

function noSuchKey(name: string): EdgeError {
  return { status: 404, message: `There is no key '${name}'.`, code: 'key_not_found' };
}

function keyExists(name: string): EdgeError {
  const message = `There is a key '${name}' already, or another key has the same secret.`;
  return { status: 409, message, code: 'key_exists', param: 'name' };
}
