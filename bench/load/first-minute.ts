// Decode speed in the first minute after a start, compared with the speed after it: `node bench/load/first-minute.ts [--model DIR]
// [--shards N] [--seconds 60] [--settled 20] [--cold]`. One client streams without pause. `--cold` drops the bundle from the page
// cache before the start. Prints tokens a second for windows of time; the last line is JSON.
import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { modelDirectory } from '../../cli/files.ts';
import { evict } from '../comparison/page-cache.ts';
import { readFlags } from '../flags.ts';
import { table } from '../print.ts';
import { startUp } from '../up-process.ts';
import { firstMinute, streamFor } from './first-minute-rate.ts';

const flags = readFlags({
  model: undefined,
  /** Default: in process. */
  shards: undefined,
  seconds: '60',
  settled: '20',
  cold: false,
});
const model = modelDirectory(flags.model ?? 'nano');
const [seconds, settled] = [Number(flags.seconds), Number(flags.settled)];

if (flags.cold) await evict((await readdir(model)).map((name) => join(model, name)));
const where = flags.shards === undefined ? ['--in-process'] : ['--shards', flags.shards];
const up = await startUp(model, where);
const times = await streamFor(up.url, basename(model), seconds + settled);
await up.stop();
const found = firstMinute(times, { seconds, settled });
const rows = found.windows.map(({ from, to, rate }) => [`${from} to ${to} s`, rate.toFixed(0)]);
console.log(table(['after the start', 'tokens/s'], rows).join('\n'));
console.log(JSON.stringify({ model: flags.model ?? 'nano', shards: flags.shards ?? null, ...found }));
