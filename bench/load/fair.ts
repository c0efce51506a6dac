// What a key with one stream keeps beside a key with a hundred: `node bench/load/fair.ts [--model nano] [--streams 100]
// [--seconds 2] [--rounds 3] [--patience 60]`. Serves the model through its front door, once with a key for each and once with one key for
// both (nothing is shared fairly then). Prints a table of medians; the last line is JSON.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { modelDirectory } from '../../cli/files.ts';
import { addKey } from '../../cli/flags/key-file.ts';
import { drawKey, hashKey } from '../../gateway/api/tenants/keys.ts';
import { Quiet } from '../quiet.ts';
import { startUp } from '../up-process.ts';
import { type FairLoad, fairLoad } from './fair-load.ts';
import { median } from './rate.ts';

const { values: flags } = parseArgs({
  options: {
    model: { type: 'string', default: 'nano' },
    streams: { type: 'string', default: '100' },
    seconds: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '3' },
    /** Seconds to wait for the machine's other work, in all. */
    patience: { type: 'string', default: '60' },
  },
});
const model = modelDirectory(flags.model);
const folder = await mkdtemp(join(tmpdir(), 'fair-'));
const file = join(folder, 'keys');
const [one, other] = [drawKey(), drawKey()];
for (const [name, key] of Object.entries({ one, other })) {
  await addKey(file, { name, sha256: hashKey(key), created: new Date().toISOString() });
}
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
    /** Ratio to half the speed that it has alone. */
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
const told = (value: number) => value.toFixed(0).padStart(5);
console.log(
  `1 stream beside ${flags.streams}: of half the speed that each has alone; tokens/s beside and alone`,
);
console.log(
  'keys   | the one            | the many           | its p99 gap, beside and alone | its first token',
);
for (const line of lines) {
  const speed = (share: number, beside: number, alone: number) =>
    `${share.toFixed(2)}x ${told(beside)} of ${told(alone)}`.padEnd(18);
  const ms = (beside: number, alone: number) => `${beside.toFixed(1)} ms, ${alone.toFixed(1)} ms`;
  console.log(
    `${line.keys.padEnd(6)} | ${speed(line.fewShare, line.few, line.fewAlone)} | ` +
      `${speed(line.manyShare, line.many, line.manyAlone)} | ` +
      `${ms(line.gapMs, line.gapAloneMs).padEnd(29)} | ${ms(line.firstMs, line.firstAloneMs)}`,
  );
}
console.log(JSON.stringify({ model: basename(model), streams: Number(flags.streams), lines, found }));
