// What an edge adds to the time to the first token if the limits of a key are lent by a home that is far away: `node
// bench/gateways/slow-home.ts [--delay 100] [--requests 300] [--rounds 5] [--worker]`. Three edges on Node stand before one gateway:
// one without leases, one whose home answers at once, and one whose home answers after `--delay` milliseconds. The key has all limits. With
// `--worker`, the Worker under `wrangler dev` is a fourth one, whose homes are Durable Objects on this machine. Alternates
// within each round. Prints medians; the last line is JSON; exit code 1 if the edge with the slow home adds 2 ms or more.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { modelDirectory } from '../../cli/files.ts';
import { serve } from '../../gateway/api/serve.ts';
import { Home, type LeaseRequest } from '../../infra/edge/limits/lease.ts';
import { LeasedMeter, type LeasedState } from '../../infra/edge/limits/leased-meter.ts';
import type { Limits } from '../../infra/edge/limits/meter.ts';
import { Metering, type OpenMeter } from '../../infra/edge/limits/metering.ts';
import { createNodeEdge } from '../../infra/edge/node.ts';
import { onlyRegion } from '../../infra/edge/regions/regions.ts';
import { openSqlite } from '../../infra/edge/storage/sqlite.ts';
import { startEdge as startEdgeWorker } from '../../test/infra/edge-process.ts';
import { endAtSignals, openLog } from '../chaos/processes.ts';
import { readFlags } from '../flags.ts';
import { post } from '../http.ts';
import { checkLine, table, verdict } from '../print.ts';
import { percentile } from '../statistics.ts';
import { createKey, Fleet } from './fleet.ts';
import { signedPost } from './signed-post.ts';

interface EdgeSettings {
  gateway: string;
  secret: string;
  /** Milliseconds until the home answers. Absent: no leases. */
  homeMs?: number;
}

const MOST_ADDED_MS = 2;

if (process.send === undefined) await measure();
else process.once('message', (settings: EdgeSettings) => void runEdge(settings));

/** Runs one edge in this process, and tells the parent its address. */
async function runEdge({ gateway, secret, homeMs }: EdgeSettings): Promise<void> {
  const database = await openSqlite(join(mkdtempSync(join(tmpdir(), 'expertgrid-home-')), 'accounts.db'));
  const onFailure = (cause: unknown) => console.error(cause);
  const home = new Home();
  let asked = 0;
  const askHome = async (request: LeaseRequest, limits: Limits) => {
    asked++;
    await delay(homeMs);
    return home.lease(request, limits, Date.now());
  };
  const openMeter: OpenMeter<LeasedState> = (_, state, open) =>
    new LeasedMeter({ place: 'bench', askHome, onFailure }, state, open);
  const edge = createNodeEdge({
    regions: onlyRegion('bench', [gateway]),
    region: 'bench',
    secret: () => secret,
    // The secret of the gateways serves as that of operators too.
    accounts: {
      database,
      adminSecrets: () => [secret],
      ...(homeMs !== undefined && { meters: new Metering<LeasedState>({ database, openMeter, onFailure }) }),
    },
    log: ({ message, cause }) => console.error(message, cause ?? ''),
  });
  const { port } = await serve({ app: edge, host: '127.0.0.1', port: 0 });
  await edge.checked;
  process.on('message', () => process.send?.({ asked }));
  process.send?.({ url: `http://127.0.0.1:${port}` });
}

async function startEdge(settings: EdgeSettings) {
  const child = fork(fileURLToPath(import.meta.url), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  process.on('exit', () => child.kill('SIGKILL'));
  child.send(settings);
  const [{ url }] = (await once(child, 'message')) as [{ url: string }];
  const timesAsked = async () => {
    child.send('asked');
    return ((await once(child, 'message')) as [{ asked: number }])[0].asked;
  };
  return { url: new URL('/v1/completions', url), key: await createKey(url, settings.secret), timesAsked };
}

async function measure(): Promise<void> {
  const flags = readFlags({ model: 'nano', delay: '100', requests: '300', rounds: '5', worker: false });
  endAtSignals();
  const { log } = openLog('slow-home');
  const fleet = await Fleet.start({ model: modelDirectory(flags.model), shards: 0, gateways: 1, log });
  const [gateway] = fleet.gateways;
  if (gateway === undefined) throw new Error('there is no gateway');
  const { secret } = fleet;
  const common = { gateway: gateway.url, secret };
  const edges = {
    'no leases': await startEdge(common),
    'home at once': await startEdge({ ...common, homeMs: 0 }),
    [`home after ${flags.delay} ms`]: await startEdge({ ...common, homeMs: Number(flags.delay) }),
  };
  const direct = new URL('/v1/completions', gateway.url);
  const ways: [string, (body: object) => Promise<IncomingMessage>][] = [
    ['direct', (body) => signedPost(direct, body, { secret, records: true })],
    ...Object.entries(edges).map(([name, { url, key }]): (typeof ways)[number] => [
      name,
      (body) => post(url, body, { key }),
    ]),
  ];
  const worker = flags.worker
    ? await startEdgeWorker([gateway.url], { secret, adminSecret: secret })
    : undefined;
  if (worker !== undefined) {
    const [url, key] = [new URL('/v1/completions', worker.url), await createKey(worker.url, secret)];
    ways.push(['Worker under wrangler dev', (body) => post(url, body, { key })]);
  }
  const medians = new Map(ways.map(([name]) => [name, [] as number[]]));
  const tails = new Map(ways.map(([name]) => [name, [] as number[]]));
  for (let round = -1; round < Number(flags.rounds); round++) {
    for (const [name, send] of round % 2 === 0 ? ways : ways.toReversed()) {
      const times = await firstTokens(send, Number(flags.requests));
      if (round < 0) continue; // warms everything up
      medians.get(name)?.push(percentile(times, 0.5));
      tails.get(name)?.push(percentile(times, 0.99));
    }
  }
  const calls = await Promise.all(
    Object.entries(edges).map(async ([name, { timesAsked }]) => [name, await timesAsked()] as const),
  );
  const ok = report({ medians, tails }, calls, flags);
  await Promise.all([fleet.close(), worker?.stop()]);
  process.exit(ok ? 0 : 1);
}

/** Times to the first byte of the body, one request after another. */
async function firstTokens(
  send: (body: object) => Promise<IncomingMessage>,
  count: number,
): Promise<number[]> {
  const times: number[] = [];
  for (let n = 0; n < count; n++) {
    const from = performance.now();
    const response = await send({
      model: 'nano',
      prompt: 'The',
      max_tokens: 1,
      temperature: 0,
      stream: true,
    });
    let first: number | undefined;
    for await (const _ of response) first ??= performance.now() - from;
    if (response.statusCode !== 200) throw new Error(`a request was answered with ${response.statusCode}`);
    times.push(first ?? Number.NaN);
  }
  return times;
}

/** By way: the medians and the 99th percentiles of the rounds. */
interface Times {
  medians: Map<string, number[]>;
  tails: Map<string, number[]>;
}

/** Returns whether the target is met. */
function report(
  { medians, tails }: Times,
  calls: readonly (readonly [string, number])[],
  flags: { delay: string; requests: string; rounds: string },
): boolean {
  const base = percentile(medians.get('direct') ?? [], 0.5);
  const rows = [...medians.keys()].map((name) => [
    name,
    percentile(medians.get(name) ?? [], 0.5).toFixed(2),
    (percentile(medians.get(name) ?? [], 0.5) - base).toFixed(2),
    percentile(tails.get(name) ?? [], 0.5).toFixed(2),
  ]);
  console.log(table(['first token', 'p50 ms', 'added p50 ms', 'p99 ms'], rows).join('\n'));
  for (const [name, count] of calls)
    console.log(
      `${name}: ${count} calls of the home for ${(1 + Number(flags.rounds)) * Number(flags.requests)} requests`,
    );
  const slow = percentile(medians.get(`home after ${flags.delay} ms`) ?? [], 0.5) - base;
  const result = verdict(
    'time to the first token that the edge with the slow home adds, p50 ms',
    slow,
    MOST_ADDED_MS,
  );
  console.log(checkLine(result.ok, `${result.name}: ${slow.toFixed(2)} (below ${MOST_ADDED_MS})`));
  console.log(
    JSON.stringify({
      ...flags,
      medians: Object.fromEntries(medians),
      tails: Object.fromEntries(tails),
      result,
    }),
  );
  return result.ok;
}
