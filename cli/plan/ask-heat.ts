// Reads heat from a running gateway, or from a file with a gateway's answer. Knows no plan.

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Option } from 'commander';
import { fetchErrorText } from '../../base/error-text.ts';
import { type ReadHeat, readHeat } from '../../infra/placement/read-heat.ts';
import { flag } from '../flags/flags.ts';
import { requireFile } from '../flags/input-files.ts';

/** How long a gateway may take to answer. */
const ANSWER_MS = 10_000;

export function apiKeyFlag(): Option {
  return flag(
    '--api-key <key>',
    'API key, if the gateway needs one. Prefer the environment, because other users of this machine can see flags',
  );
}

/** `from` is a gateway's address, with or without the path, or the path of a file. Errors begin with it. */
export async function askHeat(
  from: string,
  { transitions = false, apiKey }: { transitions?: boolean; apiKey?: string | undefined } = {},
): Promise<ReadHeat> {
  const isUrl = /^https?:\/\//.test(from);
  if (!isUrl) await requireHeatFile(from);
  try {
    return readHeat(JSON.parse(await (isUrl ? get(from, { transitions, apiKey }) : readFile(from, 'utf8'))));
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

async function get(
  from: string,
  { transitions, apiKey }: { transitions: boolean; apiKey: string | undefined },
): Promise<string> {
  const url = new URL(from);
  if (url.pathname === '/') url.pathname = '/v1/experts/heat';
  if (transitions) url.searchParams.set('transitions', '1');
  const response = await fetch(url, {
    headers: apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` },
    signal: AbortSignal.timeout(ANSWER_MS),
  }).catch((cause: Error) => {
    throw new Error(
      `no gateway answers there (${fetchErrorText(cause)}); check that it runs, and its address`,
      {
        cause,
      },
    );
  });
  if (response.ok) return await response.text();
  const wanted = response.status === 401 || response.status === 403;
  const advice = wanted ? '; give the key of an admin as --api-key or EXPERTGRID_API_KEY' : '';
  throw new Error(`answers ${response.status} to ${url.pathname}${advice}`);
}
