// Random requests through an edge with accounts over two real gateways with nano: some clients leave, some connections to gateways are
// cut, and some requests are wrong or exceed a limit. At the end, the usage rows of the edge are compared with the gateways' own counts.
import { expect } from 'vitest';
import type { UsageLine } from '../../../../gateway/api/tenants/usage-log.ts';
import { createEdge, type Edge } from '../../../../infra/edge/app.ts';
import type { Answer, Ask } from '../../../../infra/edge/ask.ts';
import { nodeHashing } from '../../../../infra/edge/node.ts';
import { onlyRegion } from '../../../../infra/edge/regions/regions.ts';
import { type Sql, sql } from '../../../../infra/edge/storage/sql.ts';
import type { UsageRow } from '../../../../infra/edge/usage/usage-row.ts';
import { uniform } from '../../../support/random.ts';
import { requests, startNanoGateway } from '../../../support/resume/room.ts';
import { SECRET } from '../../../support/resume/signed.ts';
import { ADMIN, temporaryDatabase } from '../accounts/edge-with-accounts.ts';

/** Requests that run at the same time. */
const AT_ONCE = 8;

type Fate = 'undisturbed' | 'cut' | 'lost' | 'leaves early' | 'leaves late' | 'wrong' | 'limited';

/** Shares of the fates, of 1. The rest is undisturbed. */
const shares: readonly [Fate, number][] = [
  ['cut', 0.2],
  ['lost', 0.05],
  ['leaves early', 0.1],
  ['leaves late', 0.1],
  ['wrong', 0.05],
  ['limited', 0.05],
];

/** `at` is from 0 to 1. */
function fateAt(at: number): Fate {
  let end = 0;
  for (const [fate, share] of shares) {
    end += share;
    if (at < end) return fate;
  }
  return 'undisturbed';
}

export interface Mix {
  rows: UsageRow[];
  fates: Map<string, Fate>;
  /** The gateways' own lines, by `x-request-id`, in the order in which they were written. */
  lines: Map<string, UsageLine[]>;
  statuses: Map<string, number>;
  database: Sql;
}

interface Room {
  edge: Edge;
  database: Sql;
  fates: Map<string, Fate>;
  lines: Map<string, UsageLine[]>;
  /** Keys by name. */
  keys: Map<string, string>;
  close(): Promise<void>;
}

async function openRoom(): Promise<Room> {
  const lines = new Map<string, UsageLine[]>();
  const fates = new Map<string, Fate>();
  const onUsage = (line: UsageLine) =>
    void lines.set(line.request, [...(lines.get(line.request) ?? []), line]);
  const gateways = await Promise.all([1, 2].map(() => startNanoGateway({}, { onUsage })));
  const database = await temporaryDatabase();
  const edge = createEdge({
    regions: onlyRegion('eu', ['http://one', 'http://two']),
    ask: async (url, asked) => {
      const { app } = gateways[url.startsWith('http://one') ? 0 : 1]!;
      const answer = await app.fetch(new Request(url, { ...asked, body: asked.body ?? null }));
      const fate = fates.get(asked.headers.get('x-request-id') ?? '');
      return asked.method === 'POST' && (fate === 'cut' || fate === 'lost')
        ? cutOff(answer, asked, fate)
        : answer;
    },
    log: () => {},
    secret: () => SECRET,
    accounts: { database, adminSecrets: () => [ADMIN] },
    hashing: nodeHashing,
    region: 'eu',
    metrics: false,
    failsStreams: false,
  });
  const keys = new Map<string, string>();
  for (const fields of [{ name: 'free' }, { name: 'poor', budget: 60 }])
    keys.set(fields.name, await createKey(edge, fields));
  return {
    ...{ edge, database, fates, lines, keys },
    async close() {
      for (const gateway of gateways) await gateway.close();
    },
  };
}

export async function createKey(edge: Edge, fields: object): Promise<string> {
  const headers = { authorization: `Bearer ${ADMIN}` };
  const init = { method: 'POST', headers, body: JSON.stringify(fields) };
  const answer = await edge.fetch(new Request('http://edge/admin/keys', init));
  return ((await answer.json()) as { key: string }).key;
}

/** Parts of the request that have been cut, by `x-request-id`. */
const cuts = new Map<string, number>();

/** The answer of a gateway whose connection breaks: once if the fate is `cut`, and every time if it is `lost`. */
function cutOff(answer: Response, { headers }: Parameters<Ask>[1], fate: Fate): Answer {
  const id = headers.get('x-request-id') ?? '';
  const before = cuts.get(id) ?? 0;
  cuts.set(id, before + 1);
  if ((fate === 'cut' && before > 0) || answer.body === null) return answer;
  const reader = answer.body.getReader();
  let left = fate === 'lost' ? 400 : 300 + ((id.length * 997 + before * 331) % 1_500);
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await reader.read();
        if (done === true) return controller.close();
        if (value.length >= left) {
          await reader.cancel(new Error('cut'));
          throw new Error('the connection was lost');
        }
        left -= value.length;
        controller.enqueue(value);
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
  return { status: answer.status, headers: answer.headers, body };
}

/** Sends `count` requests, and waits until the usage of all of them is written. */
export async function runMix(count: number, seed: number): Promise<Mix> {
  const room = await openRoom();
  const { edge, database, fates, lines } = room;
  const statuses = new Map<string, number>();
  const draw = uniform(seed);
  const pending = Array.from({ length: count }, (_, i) => {
    const { path, body } = requests[Math.floor(draw() * requests.length)]!;
    const id = `r${seed}-${i}`;
    const fate = fateAt(draw());
    const streamed = fate === 'leaves late' || draw() < 0.7;
    return {
      id,
      path,
      fate,
      streamed,
      leavesAfter: Math.floor(draw() * 4),
      body: { model: 'nano', ...body, stream: streamed },
    };
  });
  const one = async ({ id, path, fate, streamed, leavesAfter, body }: (typeof pending)[0]) => {
    fates.set(id, fate);
    const key = room.keys.get(fate === 'limited' ? 'poor' : 'free');
    const text = fate === 'wrong' ? { ...body, temperature: 'hot' } : body;
    const leaving = new AbortController();
    const request = new Request(`http://edge${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', 'x-request-id': id },
      body: JSON.stringify(text),
      signal: leaving.signal,
    });
    if (fate === 'leaves early') setTimeout(() => leaving.abort(), 5 + leavesAfter * 10);
    const answer = await edge.fetch(request);
    statuses.set(id, answer.status);
    if (fate === 'leaves late' && streamed && answer.body !== null) {
      const reader = answer.body.getReader();
      for (let events = 0; events < leavesAfter; events++) await reader.read();
      await reader.cancel('left');
    } else await answer.text();
  };
  const workers = Array.from({ length: AT_ONCE }, async () => {
    for (let next = pending.shift(); next !== undefined; next = pending.shift()) await one(next);
  });
  await Promise.all(workers);
  await edge.settled();
  const rows = (await database.all(sql`SELECT * FROM usage`)) as unknown as UsageRow[];
  await room.close();
  return { rows, fates, lines, statuses, database };
}

/** Every request that was admitted has exactly one row, which equals the count of the gateway that had it last. */
export async function expectSettled({ rows, fates, lines, statuses, database }: Mix): Promise<void> {
  const byRequest = Map.groupBy(rows, ({ request }) => request);
  for (const [id, fate] of fates) {
    const found = byRequest.get(id) ?? [];
    if (fate === 'limited' && statuses.get(id) === 429) {
      expect([id, found.length, lines.get(id)]).toEqual([id, 0, undefined]);
      continue;
    }
    expect([id, fate, found.length]).toEqual([id, fate, 1]);
    const [row] = found as [UsageRow];
    const own = lines.get(id) ?? [];
    if (fate === 'lost' && row.status === 502) {
      const most = Math.max(0, ...own.map((line) => (line.known_tokens ?? 0) + line.generated_tokens));
      expect(row.generated_tokens).toBeLessThanOrEqual(most);
      continue;
    }
    const last = own.at(-1);
    const expected = {
      prompt_tokens: Math.max(0, ...own.map((line) => line.prompt_tokens)),
      generated_tokens: (last?.known_tokens ?? 0) + (last?.generated_tokens ?? 0),
      cached_tokens: last?.cached_tokens ?? null,
      estimated: 0,
    };
    expect({ fate, ...row }).toMatchObject({ fate, ...expected });
  }
  expect(rows.length).toBe([...byRequest.keys()].filter((id) => fates.has(id)).length);
  expect(await database.all(sql`SELECT * FROM reservations`)).toEqual([]);
  const meters = await database.all(sql`SELECT * FROM meters`);
  for (const { key, state } of meters) {
    const used = rows
      .filter((row) => row.key === key)
      .reduce((sum, row) => sum + row.prompt_tokens + row.generated_tokens, 0);
    expect([key, JSON.parse(String(state)).used]).toEqual([key, used]);
  }
}
