// Reads a JSON object from a file, and names the file in every error.

import { readFile } from 'node:fs/promises';
import { errorText } from '../../../base/error-text.ts';

/** `absent` is the result for a missing file. Without it a missing file is an error. */
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

/** The file's text, or undefined if there is no such file. */
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
    throw new Error(`${file}: not valid JSON: ${errorText(error)}`, {
      cause: error,
    });
  }
}
