// Random requests over HTTP through an edge with accounts over two real gateways with nano: some clients leave, some connections to
// gateways are cut, and some requests are wrong or exceed a limit.
import { setTimeout as delay } from 'node:timers/promises';
import type { UsageLine } from '../../../../gateway/api/tenants/usage-log.ts';
import { onlyRegion } from '../../../../infra/edge/regions/regions.ts';
import type { UsageRow } from '../../../../infra/edge/usage/usage-row.ts';
import { uniform } from '../../../support/random.ts';
import { requests } from '../../../support/resume/room.ts';
import { ADMIN, type EdgeCalls, errorOf, type Json } from '../accounts/edge-with-accounts.ts';
import type { OpenFront } from '../hosts/front.ts';
import { type Cut, startNanoServers } from './nano-servers.ts';

/** Requests that run at the same time. */
const AT_ONCE = 8;

export type Fate = 'undisturbed' | 'cut' | 'lost' | 'leaves early' | 'leaves late' | 'wrong' | 'limited';

/** Shares of the fates, of 1. The rest is undisturbed. */
const shares: readonly [Fate, number][] = [
  ['cut', 0.2],
  ['lost', 0.05],
  ['leaves early', 0.1],
  ['leaves late', 0.1],
  ['wrong', 0.05],
  ['limited', 0.05],
];

const cuts: Partial<Record<Fate, Cut>> = { cut: 'once', lost: 'always' };

/** Tokens by which the budget of each key is larger than the sum of its rows, when it is asked what is left. */
export const SPARE = 7;

/** Usage is written at most this long after the last answer. */
const SETTLED_MS = 30_000;

export interface Mix {
  rows: UsageRow[];
  fates: Map<string, Fate>;
  /** See `NanoServers`. */
  lines: Map<string, UsageLine[]>;
  /** Statuses of the answers that clients have got. */
  statuses: Map<string, number>;
  /** Tokens that are left of the budget of each key. `SPARE` if its rows are all that it has used and reserved. */
  left: Record<string, number>;
}

interface Planned {
  id: string;
  path: string;
  fate: Fate;
  /** Events that a client reads before it leaves. */
  leavesAfter: number;
  body: Record<string, unknown> & { stream: boolean };
}

/** `at` is from 0 to 1. */
function fateAt(at: number): Fate {
  let end = 0;
  for (const [fate, share] of shares) {
    end += share;
    if (at < end) return fate;
  }
  return 'undisturbed';
}

function plan(count: number, seed: number): Planned[] {
  const draw = uniform(seed);
  return Array.from({ length: count }, (_, i) => {
    const { path, body } = requests[Math.floor(draw() * requests.length)]!;
    const fate = fateAt(draw());
    const stream = fate === 'leaves late' || draw() < 0.7;
    const wrong = fate === 'wrong' && { temperature: 'hot' };
    return {
      ...{ id: `r${seed}-${i}`, path, fate, leavesAfter: Math.floor(draw() * 4) },
      body: { model: 'nano', ...body, ...wrong, stream },
    };
  });
}

/** Sends `count` requests, and waits until the usage of all of them is written. */
export async function runMix(open: OpenFront, count: number, seed: number): Promise<Mix> {
  const planned = plan(count, seed);
  const fates = new Map(planned.map(({ id, fate }) => [id, fate]));
  const { urls, lines } = await startNanoServers((id) => cuts[fates.get(id) ?? 'undisturbed']);
  const edge = await open({ regions: onlyRegion('eu', urls) });
  const keys = {
    free: await edge.createKey({ name: 'free' }),
    poor: await edge.createKey({ name: 'poor', budget: 60 }),
  };
  const statuses = new Map<string, number>();
  const pending = [...planned];
  const workers = Array.from({ length: AT_ONCE }, async () => {
    for (let next = pending.shift(); next !== undefined; next = pending.shift()) {
      const status = await sendOne(edge, next, next.fate === 'limited' ? keys.poor : keys.free);
      if (status !== undefined) statuses.set(next.id, status);
    }
  });
  await Promise.all(workers);
  const settled = await settle(edge, keys, () => rowsNeeded({ fates, lines, statuses }));
  return { ...settled, fates, lines, statuses };
}

/** Resolves to the status, or to undefined if the client has left before the answer began. */
async function sendOne(edge: EdgeCalls, request: Planned, key: string): Promise<number | undefined> {
  const { id, path, fate, leavesAfter, body } = request;
  const leaving = new AbortController();
  if (fate === 'leaves early') setTimeout(() => leaving.abort(), 5 + leavesAfter * 10);
  try {
    const answer = await edge.fetch(path, {
      ...{ method: 'POST', key, body: JSON.stringify(body), signal: leaving.signal },
      headers: { 'content-type': 'application/json', 'x-request-id': id },
    });
    if (fate !== 'leaves late' || answer.body === null) await answer.text().catch(leftEarly);
    else {
      const reader = answer.body.getReader();
      for (let events = 0; events < leavesAfter; events++) await reader.read();
      await reader.cancel('left');
    }
    return answer.status;
  } catch (error) {
    return leftEarly(error);
  }

  function leftEarly(error: unknown): undefined {
    if (!leaving.signal.aborted) throw error;
  }
}

/** The requests that must have a row of usage: those that the edge has admitted, or that a gateway has got. */
export function rowsNeeded({ fates, lines, statuses }: Pick<Mix, 'fates' | 'lines' | 'statuses'>): string[] {
  return [...fates.keys()].filter((id) => {
    const status = statuses.get(id);
    return lines.has(id) || (status !== undefined && status !== 429);
  });
}

/** Reads usage until all of `needed` have a row and no key has an open reservation, but at most for `SETTLED_MS`. */
async function settle(
  edge: EdgeCalls,
  keys: Record<string, string>,
  needed: () => string[],
): Promise<Pick<Mix, 'rows' | 'left'>> {
  for (const until = performance.now() + SETTLED_MS; ; ) {
    await delay(250);
    const answer = await edge.fetch('/admin/usage?by=request', { key: ADMIN });
    const rows: UsageRow[] = ((await answer.json()) as Json).usage;
    const left: Record<string, number> = {};
    for (const [name, key] of Object.entries(keys)) {
      const used = tokensOf(rows.filter((row) => row.key === name));
      left[name] = await leftOf(edge, { name, key, budget: used + SPARE });
    }
    const found = new Set(rows.map(({ request }) => request));
    const isSettled =
      Object.values(left).every((each) => each === SPARE) && needed().every((id) => found.has(id));

    if (isSettled || performance.now() > until) return { rows, left };
  }
}

function tokensOf(rows: readonly UsageRow[]): number {
  return rows.reduce((sum, row) => sum + row.prompt_tokens + row.generated_tokens, 0);
}

/** Sets the budget of a key, and asks for more than is left of it. Returns what the refusal says is left. */
async function leftOf(
  edge: EdgeCalls,
  { name, key, budget }: { name: string; key: string; budget: number },
): Promise<number> {
  await edge.admin('PATCH', `/keys/${name}`, { budget });
  const body = JSON.stringify({ model: 'nano', prompt: 'hi', max_tokens: 1_000 });
  const headers = { 'content-type': 'application/json' };
  const refused = await errorOf(await edge.fetch('/v1/completions', { method: 'POST', key, headers, body }));
  return Number(/and (\d+) are left/.exec(String(refused.message))?.[1]);
}
