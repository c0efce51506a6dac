// What records and the edge cost: `node bench/gateways/overhead.ts [--streams 32] [--tokens 200] [--rounds 7] [--requests 200]
// [--accounts]`.
// Tokens a second of streams with and without a record, over one gateway; the time to the first token directly and through the edge;
// and the edge's CPU time for each token. Alternates within each round. Prints medians; the last line is JSON; exit code 1 if a
// target is missed. Linux only, because it reads /proc.
import type { IncomingMessage } from 'node:http';
import { modelDirectory } from '../../cli/files.ts';
import { endAtSignals, openLog } from '../chaos/processes.ts';
import { cpuTimeOf } from '../cpu-time.ts';
import { readFlags } from '../flags.ts';
import { post } from '../http.ts';
import { checkLine, table, verdict } from '../print.ts';
import { percentile, sum } from '../statistics.ts';
import { Fleet } from './fleet.ts';
import { signedPost } from './signed-post.ts';

const flags = readFlags({
  model: 'nano',
  streams: '32',
  /** Tokens of each stream. */
  tokens: '200',
  rounds: '7',
  /** Requests of one token, one after another, in each round. */
  requests: '200',
  /** Requests to the edge have an API key with limits, and are accounted for. */
  accounts: false,
});

endAtSignals();
const [streams, tokens] = [Number(flags.streams), Number(flags.tokens)];
const { log } = openLog('overhead');
const fleet = await Fleet.start({
  model: modelDirectory(flags.model),
  shards: 0,
  gateways: 1,
  accounts: flags.accounts,
  log,
});
const [gateway] = fleet.gateways;
if (gateway === undefined) throw new Error('there is no gateway');
const direct = new URL('/v1/completions', gateway.url);
const viaEdge = new URL('/v1/completions', fleet.edge);
const { secret, key } = fleet;
let seed = 0;

try {
  const rates: Record<'plain' | 'records' | 'edge', number[]> = { plain: [], records: [], edge: [] };
  const firsts: Record<'direct' | 'edge', number[]> = { direct: [], edge: [] };
  const edgeCpuMs: number[] = [];
  const ways = {
    plain: (body: object) => signedPost(direct, body, { secret, records: false }),
    records: (body: object) => signedPost(direct, body, { secret, records: true }),
    edge: (body: object) => post(viaEdge, body, { key }),
  };
  await rate(ways.records); // warms the gateway up
  await rate(ways.edge);
  for (let round = 0; round < Number(flags.rounds); round++) {
    const order = (['plain', 'records', 'edge'] as const).toSorted(() => (round % 2 === 0 ? 0 : -1));
    for (const way of order) {
      const before = cpuMs();
      rates[way].push(await rate(ways[way]));
      if (way === 'edge') edgeCpuMs.push((cpuMs() - before) / (streams * tokens));
    }
    for (const way of round % 2 === 0 ? (['direct', 'edge'] as const) : (['edge', 'direct'] as const)) {
      const send = way === 'direct' ? ways.records : ways.edge;
      firsts[way].push(percentile(await firstTokens(send), 0.5));
    }
  }
  report(rates, firsts, edgeCpuMs);
} finally {
  await fleet.close();
}
process.exit();

/** Tokens a second of all streams together. */
async function rate(send: (body: object) => Promise<IncomingMessage>): Promise<number> {
  const from = performance.now();
  await Promise.all(
    Array.from({ length: streams }, async () => {
      const body = {
        model: 'nano',
        prompt: 'The',
        max_tokens: tokens,
        temperature: 1,
        seed: seed++,
        ignore_eos: true,
      };
      await drained(await send({ ...body, stream: true }));
    }),
  );
  return (streams * tokens) / ((performance.now() - from) / 1000);
}

/** Times to the first byte of the body, one request after another. */
async function firstTokens(send: (body: object) => Promise<IncomingMessage>): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < Number(flags.requests); i++) {
    const from = performance.now();
    const body = { model: 'nano', prompt: 'The', max_tokens: 1, temperature: 0, stream: true };
    const response = await send(body);
    let first: number | undefined;
    for await (const _ of response) first ??= performance.now() - from;
    requireOk(response);
    times.push(first ?? Number.NaN);
  }
  return times;
}

async function drained(response: IncomingMessage): Promise<void> {
  let tail = '';
  for await (const chunk of response) tail = (tail + chunk.toString('latin1')).slice(-100);
  requireOk(response);
  if (!tail.includes('[DONE]')) throw new Error(`a stream ended with ${tail}`);
}

function requireOk({ statusCode }: IncomingMessage): void {
  if (statusCode !== 200) throw new Error(`a request was answered with ${statusCode}`);
}

function cpuMs(): number {
  const { kernelThreadsMs, othersMs, systemMs } = cpuTimeOf(fleet.edgePid);
  return sum([kernelThreadsMs, othersMs, systemMs]);
}

function report(
  rates: Record<'plain' | 'records' | 'edge', number[]>,
  firsts: Record<'direct' | 'edge', number[]>,
  edgeCpuMs: readonly number[],
): void {
  const ratios = rates.records.map((value, i) => 1 - value / (rates.plain[i] ?? Number.NaN));
  const added = firsts.edge.map((value, i) => value - (firsts.direct[i] ?? Number.NaN));
  const rows = (['plain', 'records', 'edge'] as const).map((way) => [
    { plain: 'no record', records: 'with a record', edge: 'through the edge' }[way],
    percentile(rates[way], 0.5).toFixed(0),
    way === 'plain' ? '' : percentile(firsts[way === 'records' ? 'direct' : 'edge'], 0.5).toFixed(2),
  ]);
  console.log(table([`${streams} streams`, 'tokens/s', 'first token p50 ms'], rows).join('\n'));
  const verdicts = [
    verdict('tokens a second that a record costs, %', 100 * percentile(ratios, 0.5), 2),
    verdict('time to the first token that the edge adds, p50 ms', percentile(added, 0.5), 1),
    verdict('CPU time of the edge for a token, ms', percentile(edgeCpuMs, 0.5), 0.1),
  ];
  for (const { name, value, atMost, ok } of verdicts)
    console.log(checkLine(ok, `${name}: ${value.toFixed(3)} (at most ${atMost})`));
  const met = verdicts.every(({ ok }) => ok);
  console.log(JSON.stringify({ ...flags, met, rates, firsts, edgeCpuMs, verdicts }));
  process.exitCode = met ? 0 : 1;
}
