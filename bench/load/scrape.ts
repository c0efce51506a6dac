// What a router that reads /metrics/engine every 50 ms costs: `node bench/load/scrape.ts [--model DIR] [--every 50] [--streams 8]
// [--rounds 7] [--tokens 300]`. Tokens a second of the streams with and without the reader, in turn within each round, and the time of a
// read. The last line is JSON; exit code 1 if the reader costs more than 1 %.
import { setTimeout as delay } from 'node:timers/promises';
import { modelDirectory } from '../../cli/files.ts';
import { readFlags } from '../flags.ts';
import { ask } from '../http.ts';
import { checkLine, verdict } from '../print.ts';
import { median, percentile } from '../statistics.ts';
import { startUp, stopAtSignals } from '../up-process.ts';

const flags = readFlags({ model: 'nano', every: '50', streams: '8', rounds: '7', tokens: '300' });
/** Share of the tokens a second that the reader may cost. */
const MOST_COST = 0.01;

const server = await startUp(modelDirectory(flags.model), ['--in-process']);
stopAtSignals(server);
const url = new URL('/v1/completions', server.url);
const page = `${server.url}/metrics/engine`;
const reads: number[] = [];
let bytes = 0;

const ratios: number[] = [];
for (let round = -1; round < Number(flags.rounds); round++) {
  const rates = { alone: 0, read: 0 };
  for (const way of round % 2 === 0 ? (['alone', 'read'] as const) : (['read', 'alone'] as const)) {
    rates[way] = await rate(way === 'read');
  }
  if (round >= 0) ratios.push(rates.read / rates.alone); // the first round warms everything up
}
await server.stop();
const cost = verdict(
  'share of the tokens a second that the reader costs',
  1 - (median(ratios) ?? Number.NaN),
  MOST_COST,
);
console.log(
  `a page of ${bytes} bytes every ${flags.every} ms, ${reads.length} times: p50 ${percentile(reads, 0.5).toFixed(2)} ms, ` +
    `p99 ${percentile(reads, 0.99).toFixed(2)} ms`,
);
console.log(
  checkLine(cost.ok, `${cost.name}: ${(100 * cost.value).toFixed(2)} % (at most ${100 * MOST_COST} %)`),
);
console.log(
  JSON.stringify({ ...flags, bytes, ratios, p50: percentile(reads, 0.5), p99: percentile(reads, 0.99) }),
);
process.exitCode = cost.ok ? 0 : 1;

/** Tokens a second of all streams. */
async function rate(isRead: boolean): Promise<number> {
  const over = new AbortController();
  const reading = isRead ? read(over.signal) : undefined;
  const from = performance.now();
  const body = {
    model: 'nano',
    prompt: 'The',
    max_tokens: Number(flags.tokens),
    ignore_eos: true,
    stream: true,
  };
  const streams = Array.from({ length: Number(flags.streams) }, (_, seed) => ask(url, { ...body, seed }));
  for (const { ending } of await Promise.all(streams)) {
    if (ending !== 'finish') throw new Error(`a stream was not whole: ${ending}`);
  }
  const seconds = (performance.now() - from) / 1_000;
  over.abort();
  await reading;
  return (Number(flags.streams) * Number(flags.tokens)) / seconds;
}

async function read(signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const from = performance.now();
    const answer = await fetch(page);
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${answer.status} ${text}`);
    bytes = text.length;
    reads.push(performance.now() - from);
    await delay(Math.max(0, Number(flags.every) - (performance.now() - from)), undefined, { signal }).catch(
      () => {},
    );
  }
}
