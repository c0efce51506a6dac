// How much a long prompt and decoding sequences slow each other, for several values of `--prefill-share`: `node
// bench/parts/scheduler.ts --model DIR [--shares 0.25,0.5,even] [--streams 8] [--prompt 2000] [--rounds 3]`. The engine
// and its shard run in this thread. Prints a table of medians; the last line is JSON.
import { availableParallelism } from 'node:os';
import type { PrefillShare } from '../../gateway/engine/engine-options.ts';
import { readFlags } from '../flags.ts';
import { openEngine } from '../in-process.ts';
import { type Arrival, arrival } from '../load/arrival.ts';
import { table } from '../print.ts';
import { median } from '../statistics.ts';

const flags = readFlags({
  model: undefined,
  shares: '0.25,0.5,0.65,0.75,1,even',
  streams: '8',
  prompt: '2000',
  rounds: '3',
  threads: String(availableParallelism()),
});
if (flags.model === undefined) throw new Error('--model DIR is missing: the bundle to run');
const { model, streams, prompt, rounds, threads } = flags;
const shares = flags.shares.split(',').map((text): PrefillShare => (text === 'even' ? text : Number(text)));
const seen = new Map<PrefillShare, Arrival[]>(shares.map((share) => [share, []]));
for (let round = 0; round < Number(rounds); round++) {
  for (const share of round % 2 === 0 ? shares : shares.toReversed()) {
    const options = { prefillShare: share };
    const { engine, close } = await openEngine({ model, threads: Number(threads), options });
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
  `A prompt of ${prompt} tokens arrives while ${streams} streams generate. Ratios are to gaps without the prompt and to its time alone.`,
);
console.log(
  table(
    ['share', 'p99 gap', 'ms', 'median gap', 'first token', 'ms'],
    lines.map(({ share, gapP99, gapMs, gapMedian, firstToken, firstMs }) => [
      share === 'even' ? share : share.toFixed(2),
      `${gapP99.toFixed(2)}x`,
      gapMs.toFixed(1),
      `${gapMedian.toFixed(2)}x`,
      `${firstToken.toFixed(2)}x`,
      firstMs.toFixed(0),
    ]),
  ).join('\n'),
);
console.log(JSON.stringify({ model, streams: Number(streams), prompt: Number(prompt), lines }));
