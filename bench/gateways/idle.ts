// Memory of an edge with accounts that holds one long stream and many idle ones: `node bench/gateways/idle.ts [--minutes 60]
// [--streams 1000] [--every 100]`. The gateway behind it is a stand-in that writes records as real gateways do: one stream gets a
// token every `--every` milliseconds, the others get one token at the start and one at the end, and keep-alives in between. Prints
// the edge's memory each minute; the last line is JSON; exit code 1 if memory grows, a stream is cut, or usage is wrong.

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { UsageRow } from '../../infra/edge/usage/usage-row.ts';
import { HEAD_LINE, type StreamRecord, writeLine } from '../../resume/record.ts';
import { RECORD_HEADER } from '../../resume/signed-request.ts';
import { USAGE_LINE } from '../../resume/usage-report.ts';
import { startVerb } from '../chaos/gateway.ts';
import { endAtSignals, openLog } from '../chaos/processes.ts';
import { readFlags } from '../flags.ts';
import { ask } from '../http.ts';
import { checkLine, verdict } from '../print.ts';
import { proportionalMemory } from '../process-tree.ts';
import { median } from '../statistics.ts';
import { createKey } from './fleet.ts';

const flags = readFlags({
  minutes: '60',
  /** Idle streams. */
  streams: '1000',
  /** Milliseconds between two tokens of the long stream. */
  every: '100',
});
/** As real gateways do. */
const KEEP_ALIVE_MS = 15_000;
/** Growth of the edge's memory that counts as flat: what one collection of garbage more or less makes. */
const FLAT_MB = 16;
const LONG = 'long';
const seal = 'A'.repeat(22);

endAtSignals();
const endsAt = performance.now() + 60_000 * Number(flags.minutes);
const { folder, log } = openLog('idle');
const secretFile = join(mkdtempSync(join(tmpdir(), 'expertgrid-idle-')), 'secret');
const secret = randomBytes(48).toString('base64');
writeFileSync(secretFile, secret, { mode: 0o600 });
const gateway = await startStandIn();
const edge = await startVerb(
  [
    ...['edge', '--gateways', gateway, '--edge-secret-file', secretFile, '--admin-secret-file', secretFile],
    ...['--accounts', join(folder, 'accounts.db'), '--port', '0'],
  ],
  /^edge ready in .* at (http:\S+)/m,
  log,
);
const pid = edge.child.pid ?? Number.NaN;
const key = await createKey(edge.found, secret);
const answers = [LONG, ...Array.from({ length: Number(flags.streams) }, (_, n) => `idle-${n}`)].map(stream);
const memory = await watchMemory();
const ended = await Promise.all(answers);
process.exitCode = (await report()) ? 0 : 1;
edge.child.kill('SIGKILL');
process.exit();

async function stream(user: string) {
  const body = { model: 'nano', user, max_tokens: 100_000, stream: true };
  return await ask(new URL('/v1/completions', edge.found), body, { key, agent: false });
}

/** A gateway that answers completions with records and usage, until `endsAt`. Resolves with its address. */
async function startStandIn(): Promise<string> {
  const server = createServer(async (request, response) => {
    if (request.method === 'GET') {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ status: 'ready', data: [{ id: 'nano' }] }));
      return;
    }
    let text = '';
    for await (const piece of request.setEncoding('utf8')) text += piece;
    // A busy machine can miss two health checks. The edge then continues streams, with their record before the body.
    const length = Number(request.headers[RECORD_HEADER] ?? 0);
    const record = length === 0 ? undefined : (JSON.parse(text.slice(0, length)) as StreamRecord);
    const { user } = JSON.parse(text.slice(length)) as { user: string };
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const everyMs = user === LONG ? Number(flags.every) : Number.POSITIVE_INFINITY;
    await generate(response, everyMs, record?.choices['0']?.events ?? 0);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function generate(response: ServerResponse, everyMs: number, known: number): Promise<void> {
  response.write(`${HEAD_LINE}{"v":1} ${seal}\n`);
  let tokens = known;
  const token = () => {
    tokens++;
    const counts = { choice: 0, events: tokens, bytes: 5 * tokens, calls: 0, entries: 0, hops: '-' };
    const usage = tokens === 1 ? reported(tokens) : '';
    response.write(
      `${usage}${writeLine({ ...counts, ids: '512', seal })}data: {"choices":[{"text":" word"}]}\n\n`,
    );
  };
  if (known === 0) token();
  const keepAlive = setInterval(() => response.write(': keep-alive\n\n'), KEEP_ALIVE_MS);
  while (performance.now() + everyMs < endsAt) {
    await delay(everyMs);
    token();
  }
  await delay(Math.max(0, endsAt - performance.now()));
  clearInterval(keepAlive);
  token();
  response.end(`${reported(tokens)}data: [DONE]\n\n`);
}

function reported(tokens: number): string {
  const usage = { prompt_tokens: 3, cached_tokens: 0, generated_tokens: tokens, degraded_hops: 0 };
  return `${USAGE_LINE}${JSON.stringify(usage)}\n`;
}

/** Anonymous memory of the edge in MiB, measured 59 times. */
async function watchMemory(): Promise<number[]> {
  const found: number[] = [];
  const stepMs = Number(flags.minutes) * 1_000;
  for (let n = 1; n < 60; n++) {
    await delay(stepMs);
    found.push(proportionalMemory(pid).anonymous / 2 ** 20);
    if (n % 5 === 0) console.log(`${n}/60: ${found.at(-1)?.toFixed(1)} MB`);
  }
  return found;
}

async function report(): Promise<boolean> {
  await delay(500);
  const usage = await fetch(`${edge.found}/usage?by=request`, {
    headers: { authorization: `Bearer ${key}` },
  });
  const rows = ((await usage.json()) as { usage: UsageRow[] }).usage;
  const long = Math.max(...rows.map(({ generated_tokens: tokens }) => tokens));
  const growth = (median(memory.slice(-6)) ?? Number.NaN) - (median(memory.slice(5, 11)) ?? Number.NaN);
  const verdicts = [
    verdict('memory growth after the first tenth, MB', growth, FLAT_MB),
    verdict('streams that are not whole', ended.filter(({ ending }) => ending !== 'finish').length, 0),
    verdict('streams without exactly one row of usage', Math.abs(rows.length - ended.length), 0),
    verdict('estimated rows', rows.filter(({ estimated }) => estimated === 1).length, 0),
    verdict(
      'idle streams with other tokens',
      rows.filter(({ generated_tokens: n }) => n !== 2 && n !== long).length,
      0,
    ),
  ];
  console.log(`the long stream had ${long} tokens`);
  for (const { name, value, atMost, ok } of verdicts)
    console.log(checkLine(ok, `${name}: ${value.toFixed(1)} (at most ${atMost})`));
  const met = verdicts.every(({ ok }) => ok);
  console.log(JSON.stringify({ ...flags, met, long, memory, verdicts }));
  return met;
}
