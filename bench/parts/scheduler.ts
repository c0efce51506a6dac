// What a long prompt and decoding sequences cost each other, by `--prefill-share`:
// `node bench/parts/scheduler.ts --model DIR [--shares 0.25,0.5,0.65] [--streams 8] [--prompt 2000] [--rounds 3]`. The engine
// runs in this thread with its experts in process. Prints a table of medians; the last line is JSON.
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { openEngine } from '../in-process.ts';
import { type Arrival, arrival } from '../load/arrival.ts';
import { median } from '../load/rate.ts';

const { values: flags } = parseArgs({
  options: {
    model: { type: 'string' },
    shares: { type: 'string', default: '0.25,0.5,0.65,0.75,1' },
    streams: { type: 'string', default: '8' },
    prompt: { type: 'string', default: '2000' },
    rounds: { type: 'string', default: '3' },
    threads: { type: 'string', default: String(availableParallelism()) },
  },
});
if (flags.model === undefined) throw new Error('--model DIR names the bundle to run');
const { model, streams, prompt, rounds, threads } = flags;
const shares = flags.shares.split(',').map(Number);
const seen = new Map<number, Arrival[]>(shares.map((share) => [share, []]));
for (let round = 0; round < Number(rounds); round++) {
  for (const share of round % 2 === 0 ? shares : shares.toReversed()) {
    const { engine, close } = await openEngine({
      model,
      threads: Number(threads),
      options: { prefillShare: share },
    });
    const found = await arrival(engine, { streams: Number(streams), prompt: Number(prompt), seed: round });
    seen.get(share)?.push(found);
    await close();
  }
}

const lines = [...seen].map(([share, all]) => {
  const of = (value: (one: Arrival) => number) => median(all.map(value)) ?? Number.NaN;
  return {
    share,
    gapP99: of(({ gaps, quietGaps }) => gaps.p99 / quietGaps.p99),
    gapMedian: of(({ gaps, quietGaps }) => gaps.median / quietGaps.median),
    firstToken: of(({ firstMs, idleFirstMs }) => firstMs / idleFirstMs),
    gapMs: of(({ gaps }) => gaps.p99),
    firstMs: of(({ firstMs }) => firstMs),
  };
});
console.log(
  `a prompt of ${prompt} tokens among ${streams} that generate: times what it is without the prompt, without them`,
);
console.log('share | p99 gap         | median gap | first token');
for (const { share, gapP99, gapMedian, firstToken, gapMs, firstMs } of lines) {
  console.log(
    `${share.toFixed(2).padStart(5)} | ${`${gapP99.toFixed(2)}x ${gapMs.toFixed(1)} ms`.padEnd(15)} | ` +
      `${gapMedian.toFixed(2)}x`.padEnd(13) +
      `| ${firstToken.toFixed(2)}x ${firstMs.toFixed(0)} ms`,
  );
}
console.log(JSON.stringify({ model, streams: Number(streams), prompt: Number(prompt), lines }));
