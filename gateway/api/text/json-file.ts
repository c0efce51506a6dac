// Reads a JSON object or a text from a file. An error about the content contains the file's name.
import { readFile } from 'node:fs/promises';
import { errorText } from '../../../base/error-text.ts';

/** If the file is missing, returns `absent`, or throws if `absent` is not given. */
export async function readJsonObject(
  file: string,
  { absent }: { absent?: Record<string, unknown> } = {},
): Promise<Record<string, unknown>> {
  const text = await readTextFile(file);
  if (text === undefined) {
    if (absent !== undefined) return absent;
    throw new Error(`${file}: no such file`);
  }
  const value = parse(text, file);
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Error(`${file}: not a JSON object`);
  return Object.fromEntries(Object.entries(value));
}

/** Undefined if there is no such file. */
export async function readTextFile(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function parse(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`${file}: not valid JSON: ${errorText(error)}`, { cause: error });
  }
}
