// Makes, lists and revokes API keys in the file that gateways read.
import { readFile } from 'node:fs/promises';
import { drawKey, hashKey, parseKeys, type StoredKey } from '../../gateway/api/tenants/keys.ts';
import { addKey } from '../flags/key-file.ts';
import { printTable } from './table.ts';

export type FileKeyFields = Pick<StoredKey, 'rpm' | 'tpm' | 'concurrency' | 'weight' | 'admin'>;

/** Returns the key, which is not stored. */
export async function createInFile(file: string, name: string, fields: FileKeyFields): Promise<string> {
  const key = drawKey();
  await addKey(file, { name, sha256: hashKey(key), created: new Date().toISOString(), ...fields });
  return key;
}

export async function listFile(file: string): Promise<void> {
  const keys = await readKeys(file);
  const head = ['name', 'rpm', 'tpm', 'concurrency', 'weight', 'admin', 'created'];
  const rows = keys.map(({ name, rpm = '-', tpm = '-', concurrency = '-', weight = 1, admin, created }) => [
    ...[name, rpm, tpm, concurrency, weight, admin === true ? 'yes' : '-', created],
  ]);
  printTable(head, rows);
}

export async function readKeys(file: string): Promise<StoredKey[]> {
  return parseKeys(await readFile(file, 'utf8'), file);
}
