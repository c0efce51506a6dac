// Runs streams through a gateway while its shards are killed, stopped, slowed, cut off and made to lie, and checks
// whether a caller notices: `npm run chaos -- [--faults 200] [--seed 1] [--streams 8] [--kinds kill,stop,…] [--only
// replicas|liars|standby] [--model DIR]`. Prints a report for each part; the last line is JSON; exit code 1 if a target
// is missed.
import { basename } from 'node:path';
import { errorText } from '../../base/error-text.ts';
import { modelDirectory } from '../../cli/files.ts';
import { split } from '../../cli/flags/split.ts';
import { readFlags } from '../flags.ts';
import { readConfig } from '../inputs.ts';
import { runPart } from './part.ts';
import { endAtSignals, openLog } from './processes.ts';
import { partText } from './report.ts';
import { readRequests } from './requests.ts';
import { KINDS, type Kind } from './schedule.ts';
import { judge } from './verdicts.ts';

const flags = readFlags({
  faults: '200',
  seed: '1',
  streams: '8',
  kinds: KINDS.join(','),
  /** `replicas`, `liars` or `standby`. Default: all. */
  only: undefined,
  model: 'nano',
  /** A lying shard flips one of the `flip-bits` lowest bits of the mantissa of a value. */
  'flip-bits': '23',
  /** Flags for the gateway, separated by spaces, such as '--audit 0.01'. */
  gateway: '',
});

const SHARDS = 4;
/** Number of different requests of each stream. */
const REQUESTS = 3;
/** The part `liars` gets this share of the faults. Its faults are wrong but finite answers. */
const LIARS_SHARE = 0.1;
/** The part `standby` gets this share of the faults. None is a wrong answer, because only a replica could detect that. */
const STANDBY_SHARE = 0.25;

endAtSignals();
const kinds = flags.kinds.split(',').map(kindNamed);
const model = modelDirectory(flags.model);
const config = await readConfig(model);
const streams = Number(flags.streams);
const requests = await readRequests(REQUESTS * streams);
const quarters = split(config.experts, SHARDS);
const { log } = openLog('chaos');

const parts = [
  {
    name: 'replicas',
    title: 'two replicas of every expert',
    standby: false,
    faults: Number(flags.faults),
    kinds,
    partsOf: (shard: number) => [shard, (shard + 1) % SHARDS],
  },
  {
    name: 'liars',
    title: 'two replicas, wrong answers, every call audited (--audit 1)',
    standby: false,
    faults: Math.ceil(LIARS_SHARE * Number(flags.faults)),
    kinds: kinds.filter((kind) => kind === 'flip'),
    extraFlags: ['--audit', '1'],
    partsOf: (shard: number) => [shard, (shard + 1) % SHARDS],
  },
  {
    name: 'standby',
    title: 'one replica of every expert and a standby shard',
    standby: true,
    faults: Math.ceil(STANDBY_SHARE * Number(flags.faults)),
    kinds: kinds.filter((kind) => kind !== 'flip'),
    partsOf: (shard: number) => [shard],
  },
].filter(({ name, kinds }) => kinds.length > 0 && (flags.only === undefined || flags.only === name));
if (parts.length === 0)
  throw new Error(`--only ${flags.only}: no faults to draw; the parts are replicas, liars and standby`);

const results = [];
for (const { name, title, partsOf, ...part } of parts) {
  const found = await measured(title, part, partsOf);
  results.push({ part: name, ...found });
}
const met = results.every(
  (result) => 'verdicts' in result && result.verdicts.every(({ ok }) => ok) && !result.stopped,
);
console.log(JSON.stringify({ ...flags, met, parts: results }));
process.exit(met ? 0 : 1);

async function measured(
  title: string,
  { extraFlags = [], ...part }: { standby: boolean; faults: number; kinds: Kind[]; extraFlags?: string[] },
  partsOf: (shard: number) => number[],
) {
  try {
    const seen = await runPart({
      ...part,
      model,
      modelName: basename(model),
      requests,
      streams,
      seed: Number(flags.seed),
      holdings: Array.from({ length: SHARDS }, (_, shard) => ({
        parts: partsOf(shard),
        experts: partsOf(shard)
          .map((quarter) => quarters[quarter])
          .join(','),
      })),
      flipBits: Number(flags['flip-bits']),
      gatewayFlags: [
        '--kv-memory',
        String(kvBytes()),
        ...extraFlags,
        ...flags.gateway.split(' ').filter((word) => word !== ''),
      ],
      log,
      progress,
    });
    progress('');
    const judged = judge(seen, { ...part, verified: extraFlags.includes('--audit') });
    console.log(partText(title, seen, judged));
    const { disturbed, stopped, counters } = seen;
    return { ...judged, stopped, requests: disturbed.length, counters: Object.fromEntries(counters) };
  } catch (error) {
    progress('');
    const reason = errorText(error);
    console.log(`${title}\nFAILED ${reason}\n`);
    return { error: reason };
  }
}

/** KV memory for the running answers and little more, so that repeated prompts are not in the prefix cache. Bytes. */
function kvBytes(): number {
  const { layers, kvHeads, headDim } = config;
  const longest = 800; // tokens: twice the longest prompt with its answer
  return 2 * layers * kvHeads * headDim * Float32Array.BYTES_PER_ELEMENT * longest * streams;
}

function kindNamed(name: string): Kind {
  const kind = KINDS.find((each) => each === name);
  if (kind === undefined) throw new Error(`--kinds ${name}: no such kind; the kinds are ${KINDS.join(', ')}`);
  return kind;
}

/** Prints a line of progress. On a terminal, the next line overwrites it. */
function progress(line: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${line}`);
  else if (line !== '') process.stderr.write(`${line.trimEnd()}\n`);
}
