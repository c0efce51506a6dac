// Makes, lists and changes the API keys of an edge.
import { z } from 'zod';
import { askEdge, askEdgeForText, type EdgeAdmin } from './edge-admin.ts';
import { readKeys } from './file-keys.ts';
import { printTable } from './table.ts';

/** Limits and permissions that a command gives. Undefined ones keep their value, and null removes a limit. */
export interface EdgeKeyFields {
  scopes?: string[] | undefined;
  models?: string[] | null | undefined;
  regions?: string[] | null | undefined;
  rpm?: number | null | undefined;
  tpm?: number | null | undefined;
  concurrency?: number | null | undefined;
  budget?: number | null | undefined;
  weight?: number | null | undefined;
  /** ISO 8601. */
  expires?: string | null | undefined;
  disabled?: boolean;
}

const keyAnswer = z.object({
  name: z.string(),
  shown: z.string(),
  scopes: z.array(z.string()),
  models: z.array(z.string()).nullable(),
  regions: z.array(z.string()).nullable(),
  rpm: z.number().nullable(),
  tpm: z.number().nullable(),
  concurrency: z.number().nullable(),
  budget: z.number().nullable(),
  weight: z.number().nullable(),
  expires: z.string().nullable(),
  created: z.string(),
  previous_until: z.string().nullable(),
  disabled: z.boolean(),
});
const drawnAnswer = keyAnswer.extend({ key: z.string() });
const listAnswer = z.object({ keys: z.array(keyAnswer) });

/** Returns the key, which the edge does not store. */
export async function createAtEdge(admin: EdgeAdmin, name: string, fields: EdgeKeyFields): Promise<string> {
  const answer = await askEdge(admin, '/keys', { method: 'POST', body: { name, ...fields } });
  return drawnAnswer.parse(answer).key;
}

/** Returns the new key, and when the one before it ends. */
export async function rotateAtEdge(admin: EdgeAdmin, name: string, graceSeconds: number) {
  const body = { grace_seconds: graceSeconds };
  const answer = await askEdge(admin, `/keys/${encodeURIComponent(name)}/rotate`, { method: 'POST', body });
  const { key, previous_until: until } = drawnAnswer.parse(answer);
  return { key, until };
}

export async function changeAtEdge(admin: EdgeAdmin, name: string, fields: EdgeKeyFields): Promise<void> {
  await askEdge(admin, `/keys/${encodeURIComponent(name)}`, { method: 'PATCH', body: fields });
}

export async function listEdge(admin: EdgeAdmin): Promise<void> {
  const { keys } = listAnswer.parse(await askEdge(admin, '/keys'));
  const head = [
    'name',
    'key',
    'state',
    'scopes',
    'models',
    'regions',
    'rpm',
    'tpm',
    'concurrency',
    'budget',
    'weight',
    'expires',
  ];
  const any = (names: readonly string[] | null) => names?.join(',') ?? '-';
  const rows = keys.map((key) => [
    key.name,
    key.shown === '' ? '-' : `${key.shown}…`,
    key.disabled ? 'disabled' : 'enabled',
    key.scopes.join(',') || '-',
    any(key.models),
    any(key.regions),
    ...[key.rpm, key.tpm, key.concurrency, key.budget].map((limit) => limit ?? '-'),
    key.weight ?? 1,
    key.expires ?? '-',
  ]);
  printTable(head, rows);
}

/** Gives the keys of a gateway's file to the edge, with their limits. Keys whose name the edge knows stop the import with an error. */
export async function importToEdge(admin: EdgeAdmin, file: string): Promise<number> {
  const keys = await readKeys(file);
  for (const { created: _, admin: isAdmin, ...fields } of keys) {
    const scopes = isAdmin === true ? ['generate', 'admin'] : ['generate'];
    await askEdge(admin, '/keys', { method: 'POST', body: { ...fields, scopes } });
  }
  return keys.length;
}

/** Which usage is asked for. Absent: all keys, and the edge's default times. */
export interface UsageAsked {
  key?: string | undefined;
  from?: string | undefined;
  to?: string | undefined;
  by: 'day' | 'request';
}

const dayAnswer = z.object({
  usage: z.array(
    z.object({
      key: z.string(),
      day: z.string(),
      model: z.string().nullable(),
      requests: z.number(),
      prompt_tokens: z.number(),
      cached_tokens: z.number(),
      generated_tokens: z.number(),
      estimated: z.number(),
    }),
  ),
});

export async function printUsage(admin: EdgeAdmin, asked: Omit<UsageAsked, 'by'>): Promise<void> {
  const { usage } = dayAnswer.parse(await askEdge(admin, usagePath({ ...asked, by: 'day' })));
  const head = ['day', 'key', 'model', 'requests', 'prompt', 'cached', 'generated', 'estimated'];
  const rows = usage.map((row) => [
    ...[row.day, row.key, row.model ?? '-', row.requests],
    ...[row.prompt_tokens, row.cached_tokens, row.generated_tokens, row.estimated],
  ]);
  printTable(head, rows);
}

export async function usageAsCsv(admin: EdgeAdmin, asked: UsageAsked): Promise<string> {
  return await askEdgeForText(admin, `${usagePath(asked)}&format=csv`);
}

function usagePath({ key, from, to, by }: UsageAsked): string {
  const given = Object.entries({ key, from, to, by }).filter(([, value]) => value !== undefined);
  return `/usage?${new URLSearchParams(given as [string, string][])}`;
}
