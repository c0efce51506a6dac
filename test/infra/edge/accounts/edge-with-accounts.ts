// An edge with accounts in a temporary database, in front of stand-ins.
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createNodeEdge, type NodeEdgeOptions } from '../../../../infra/edge/node.ts';
import { onlyRegion } from '../../../../infra/edge/regions/regions.ts';
import type { LogEntry } from '../../../../infra/edge/send.ts';
import { openSqlite, type SqliteFile } from '../../../../infra/edge/storage/sqlite.ts';
import { USAGE_HEADER } from '../../../../resume/usage-report.ts';
import { afterFile } from '../../../support/after-file.ts';
import { type Handle, type StandIn, startStandIn } from '../stand-in.ts';

export const ADMIN = 'a'.repeat(40);
export const SECRET = 'k'.repeat(48);

export function temporaryFile(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'edge-accounts-'));
  afterFile(() => rm(folder, { recursive: true, force: true }));
  return join(folder, name);
}

export async function temporaryDatabase(): Promise<SqliteFile> {
  const database = await openSqlite(temporaryFile('accounts'));
  afterFile(async () => database.close());
  return database;
}

export const used = { prompt_tokens: 3, cached_tokens: 1, generated_tokens: 4, degraded_hops: 0 };

const models = { data: [{ id: 'nano', context_length: 2048 }] };

export const answerWithUsage: Handle = ({ url }, response) =>
  void response
    .writeHead(200, { [USAGE_HEADER]: JSON.stringify(used) })
    .end(url === '/v1/models' ? JSON.stringify(models) : '{}');

/** The status of an answer and its error in OpenAI's format. */
export async function errorOf(answer: Response): Promise<Json> {
  return { status: answer.status, ...((await answer.json()) as Json).error };
}

/** Calls of an edge of any host. */
export interface EdgeCalls {
  fetch(path: string, init?: RequestInit & { key?: string }): Promise<Response>;
  /** Calls the operators' API. */
  admin(method: string, path: string, body?: unknown): Promise<{ status: number; body: Json }>;
  /** Makes a key and returns its secret. */
  createKey(fields: object): Promise<string>;
}

/** An edge of any host, in front of one stand-in. */
export interface Opened extends EdgeCalls {
  gateway: StandIn;
}

export interface OpenedOnNode extends Opened {
  database: SqliteFile;
  logged: LogEntry[];
  settled(): Promise<void>;
}

/** `send` sends a request to the edge. */
export function callsOver(
  send: (path: string, init: RequestInit) => Response | Promise<Response>,
): EdgeCalls {
  const fetch: EdgeCalls['fetch'] = async (path, { key, headers, ...init } = {}) => {
    const sent = new Headers(headers);
    if (key !== undefined) sent.set('authorization', `Bearer ${key}`);
    return await send(path, { ...init, headers: sent });
  };
  const admin: EdgeCalls['admin'] = async (method, path, body) => {
    const init = body === undefined ? {} : { body: JSON.stringify(body) };
    const answer = await fetch(`/admin${path}`, { method, key: ADMIN, ...init });
    return { status: answer.status, body: await answer.json() };
  };
  const createKey = async (fields: object) => {
    const { status, body } = await admin('POST', '/keys', fields);
    if (status !== 201) throw new Error(JSON.stringify(body));
    return body.key;
  };
  return { fetch, admin, createKey };
}

// biome-ignore lint/suspicious/noExplicitAny: answers are checked by their tests
export type Json = any;

export async function openEdge(options: Partial<NodeEdgeOptions> = {}): Promise<OpenedOnNode> {
  const gateway = await startStandIn(answerWithUsage);
  const database = await temporaryDatabase();
  const logged: LogEntry[] = [];
  const edge = createNodeEdge({
    regions: onlyRegion('eu', [gateway.url]),
    secret: () => SECRET,
    region: 'eu',
    log: (entry) => logged.push(entry),
    accounts: { database, adminSecrets: () => [ADMIN] },
    ...options,
  });
  afterFile(async () => edge.close());
  await edge.checked;
  const calls = callsOver((path, init) => edge.fetch(new Request(`http://edge${path}`, init)));
  return { ...calls, gateway, database, logged, settled: () => edge.settled() };
}
