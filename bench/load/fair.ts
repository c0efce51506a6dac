// Speed of an API key with one stream beside a key with a hundred: `node bench/load/fair.ts [--model nano] [--streams
// 100] [--seconds 2] [--rounds 3] [--patience 60]`. Serves the model over HTTP, once with a key for each load, and once
// with one key for both, so without a fair share. Prints a table of medians; the last line is JSON.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { modelDirectory } from '../../cli/files.ts';
import { readFlags } from '../flags.ts';
import { writeTwoKeys } from '../inputs.ts';
import { table } from '../print.ts';
import { Quiet } from '../quiet.ts';
import { median } from '../statistics.ts';
import { startUp } from '../up-process.ts';
import { type FairLoad, fairLoad } from './fair-load.ts';

const flags = readFlags({
  model: 'nano',
  streams: '100',
  seconds: '2',
  rounds: '3',
  /** Seconds to wait, in all, for other work on the machine to end. */
  patience: '60',
});
const model = modelDirectory(flags.model);
const folder = await mkdtemp(join(tmpdir(), 'fair-'));
const file = join(folder, 'keys');
const [one, other] = await writeTwoKeys(file, ['one', 'other']);
const server = await startUp(model, ['--in-process', '--api-keys', file]);
const log = (line: string) => void process.stderr.write(`${line}\n`);
const quiet = new Quiet({ log, patienceMs: 1_000 * Number(flags.patience) });
const found: Record<'own' | 'shared', FairLoad[]> = { own: [], shared: [] };
try {
  for (let round = 0; round < Number(flags.rounds); round++) {
    for (const keys of ['own', 'shared'] as const) {
      const many = { key: keys === 'own' ? other : one, streams: Number(flags.streams) };
      const load = { url: server.url, model: basename(model), few: { key: one, streams: 1 }, many };
      found[keys].push(
        await quiet.measure(() => fairLoad({ ...load, seconds: Number(flags.seconds), round })),
      );
    }
  }
} finally {
  await server.stop();
  await rm(folder, { recursive: true });
}

const lines = Object.entries(found).map(([keys, all]) => {
  const of = (value: (one: FairLoad) => number) => median(all.map(value)) ?? Number.NaN;
  return {
    keys,
    /** Speed beside the other key, divided by half the speed alone. */
    fewShare: of(({ few, fewAlone }) => (2 * few) / fewAlone),
    manyShare: of(({ many, manyAlone }) => (2 * many) / manyAlone),
    few: of(({ few }) => few),
    many: of(({ many }) => many),
    fewAlone: of(({ fewAlone }) => fewAlone),
    manyAlone: of(({ manyAlone }) => manyAlone),
    gapMs: of(({ gap }) => gap),
    gapAloneMs: of(({ gapAlone }) => gapAlone),
    firstMs: of(({ first }) => first),
    firstAloneMs: of(({ firstAlone }) => firstAlone),
  };
});
console.log(
  `One stream beside ${flags.streams}. Speeds are tokens/s beside the other and alone; the ratio is to half the speed alone.`,
);
const speed = (share: number, beside: number, alone: number) =>
  `${share.toFixed(2)}x, ${beside.toFixed(0)} of ${alone.toFixed(0)}`;
const ms = (beside: number, alone: number) => `${beside.toFixed(1)}, ${alone.toFixed(1)}`;
console.log(
  table(
    ['keys', 'one stream', 'many streams', 'p99 gap of one, ms beside, alone', 'its first token, ms'],
    lines.map((line) => [
      line.keys,
      speed(line.fewShare, line.few, line.fewAlone),
      speed(line.manyShare, line.many, line.manyAlone),
      ms(line.gapMs, line.gapAloneMs),
      ms(line.firstMs, line.firstAloneMs),
    ]),
  ).join('\n'),
);
console.log(JSON.stringify({ model: basename(model), streams: Number(flags.streams), lines, found }));
