// Inputs of the benchmarks: held-out prose, the configuration of a model, and API keys.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { addKey } from '../cli/flags/key-file.ts';
import { drawKey, hashKey } from '../gateway/api/tenants/keys.ts';
import { type ModelConfig, parseConfig } from '../model/config/config.ts';

export const heldOutFile = new URL('held-out.json', import.meta.url);

/** Passages of prose that no model of this project was trained on. */
export async function heldOutTexts(): Promise<string[]> {
  const passages: { text: string }[] = JSON.parse(await readFile(heldOutFile, 'utf8'));
  return passages.map(({ text }) => text);
}

/** Configuration of the model in directory `model`. */
export async function readConfig(model: string): Promise<ModelConfig> {
  const path = join(model, 'config.json');
  return parseConfig(JSON.parse(await readFile(path, 'utf8')), path);
}

/** Draws two API keys with these names and writes them to `file` for `--api-keys`. */
export async function writeTwoKeys(file: string, names: [string, string]): Promise<[string, string]> {
  const keys: [string, string] = [drawKey(), drawKey()];
  for (const [i, name] of names.entries()) {
    await addKey(file, { name, sha256: hashKey(keys[i]!), created: new Date().toISOString() });
  }
  return keys;
}
