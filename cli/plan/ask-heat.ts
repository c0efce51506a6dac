// Reads heat from a running gateway, or from a file with a gateway's answer.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Option } from 'commander';
import { fetchErrorText } from '../../base/error-text.ts';
import { type ReadHeat, readHeat } from '../../infra/placement/read-heat.ts';
import { flag } from '../flags/flags.ts';
import { requireFile } from '../flags/input-files.ts';

/** Deadline of the gateway's answer. */
const ANSWER_MS = 10_000;

export function apiKeyFlag(): Option {
  return flag(
    '--api-key <key>',
    'API key, if the gateway requires one. Prefer the variable EXPERTGRID_API_KEY, because other users of this machine can see flags',
  );
}

interface AskHeatOptions {
  /** Also reads, for each expert, which experts of the next layer get the same rows. */
  transitions?: boolean;
  apiKey?: string | undefined;
}

/** `from` is a gateway's address, with or without `/v1/experts/heat`, or the path of a file. Errors begin with `from`. */
export async function askHeat(from: string, options: AskHeatOptions = {}): Promise<ReadHeat> {
  const isUrl = /^https?:\/\//.test(from);
  if (!isUrl) await requireHeatFile(from);
  try {
    return readHeat(JSON.parse(await (isUrl ? get(from, options) : readFile(from, 'utf8'))));
  } catch (cause) {
    throw new Error(`${from}: ${fetchErrorText(cause)}`, { cause });
  }
}

async function requireHeatFile(from: string): Promise<void> {
  if (/^[^/]+:\d+$/.test(from) && !existsSync(from)) {
    throw new Error(
      `${from}: there is no such file. The address of a gateway begins with http://: http://${from}`,
    );
  }
  await requireFile(from);
}

async function get(from: string, { transitions = false, apiKey }: AskHeatOptions): Promise<string> {
  const url = new URL(from);
  if (url.pathname === '/') url.pathname = '/v1/experts/heat';
  if (transitions) url.searchParams.set('transitions', '1');
  const headers = { ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }) };
  const signal = AbortSignal.timeout(ANSWER_MS);
  const response = await fetch(url, { headers, signal }).catch((cause: Error) => {
    const message = `no gateway answers there (${fetchErrorText(cause)}); check that it runs, and its address`;
    throw new Error(message, { cause });
  });
  if (response.ok) return await response.text();
  const isRefused = response.status === 401 || response.status === 403;
  const advice = isRefused ? '; give the key of an admin as --api-key or EXPERTGRID_API_KEY' : '';
  throw new Error(`the gateway answered ${response.status} to ${url.pathname}${advice}`);
}
