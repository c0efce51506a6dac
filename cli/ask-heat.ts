// Heat from a running gateway, or from a file with a gateway's answer. Knows no plan.
import { readFile } from 'node:fs/promises';
import { type ReadHeat, readHeat } from '../infra/placement/read-heat.ts';

/** A gateway answers within moments, or is too busy for its own callers. Milliseconds. */
const PATIENCE = 10_000;

/** `from` is a gateway's address, with or without the path, or a file's path. Errors begin with it. */
export async function askHeat(
  from: string,
  { transitions = false }: { transitions?: boolean } = {},
): Promise<ReadHeat> {
  try {
    return readHeat(JSON.parse(await (/^https?:\/\//.test(from) ? get(from, transitions) : read(from))));
  } catch (cause) {
    throw new Error(`${from}: ${cause instanceof Error ? reasonOf(cause) : String(cause)}`, { cause });
  }
}

function read(path: string): Promise<string> {
  return readFile(path, 'utf8');
}

async function get(from: string, transitions: boolean): Promise<string> {
  const url = new URL(from);
  if (url.pathname === '/') url.pathname = '/v1/experts/heat';
  if (transitions) url.searchParams.set('transitions', '1');
  const response = await fetch(url, { signal: AbortSignal.timeout(PATIENCE) });
  if (!response.ok) throw new Error(`answers ${response.status} to ${url.pathname}`);
  return await response.text();
}

/** `fetch` says only that it failed; why is in its cause. */
function reasonOf({ message, cause }: Error): string {
  return cause instanceof Error && cause.message !== '' ? `${message}: ${cause.message}` : message;
}
