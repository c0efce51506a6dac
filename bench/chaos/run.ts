// `npm run chaos -- [--faults 200] [--seed 1] [--streams 8] [--kinds kill,stop,…] [--only replicas|liars|standby] [--model DIR]`:
// runs streams through a gateway whose shards are killed, stopped, slowed, cut off and made to lie, and checks whether any
// caller notices. Every part prints a table; the last line is JSON; exit code 1 if a target is missed.

import { mkdtempSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { errorText } from '../../base/error-text.ts';
import { modelDirectory } from '../../cli/files.ts';
import { split } from '../../cli/flags/split.ts';
import { parseConfig } from '../../model/config/config.ts';
import { runPart } from './part.ts';
import { endAtSignals } from './processes.ts';
import { partText } from './report.ts';
import { readRequests } from './requests.ts';
import { KINDS, type Kind } from './schedule.ts';
import { judge } from './verdicts.ts';

const { values: flags } = parseArgs({
  options: {
    faults: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
    streams: { type: 'string', default: '8' },
    kinds: { type: 'string', default: KINDS.join(',') },
    /** `replicas`, `liars` or `standby`; default: all. */
    only: { type: 'string' },
    model: { type: 'string', default: 'nano' },
    /** Lowest bits of the mantissa that a liar may turn. */
    'flip-bits': { type: 'string', default: '23' },
    /** For the gateway, such as '--audit 0.01'. */
    gateway: { type: 'string', default: '' },
  },
});

const SHARDS = 4;
/** Different requests of each stream. */
const REQUESTS = 3;
/** Finite wrong answers, and a gateway that asks for every answer twice. */
const LIARS_SHARE = 0.1;
/** The part without replicas gets a share of the faults, and none that only a replica can find out. */
const STANDBY_SHARE = 0.25;

endAtSignals();
const kinds = flags.kinds.split(',').map(kindNamed);
const model = modelDirectory(flags.model);
const configPath = join(model, 'config.json');
const config = parseConfig(JSON.parse(await readFile(configPath, 'utf8')), configPath);
const logPath = join(mkdtempSync(join(tmpdir(), 'expertgrid-chaos-')), 'processes.log');
const streams = Number(flags.streams);
const requests = await readRequests(REQUESTS * streams);
const quarters = split(config.experts, SHARDS);
console.log(`logs of the processes: ${logPath}`);

const parts = [
  {
    name: 'replicas',
    title: 'two copies of every expert',
    standby: false,
    faults: Number(flags.faults),
    kinds,
    partsOf: (shard: number) => [shard, (shard + 1) % SHARDS],
  },
  {
    name: 'liars',
    title: 'two copies, wrong answers, every call asked twice (--audit 1)',
    standby: false,
    faults: Math.ceil(LIARS_SHARE * Number(flags.faults)),
    kinds: kinds.filter((kind) => kind === 'flip'),
    extraFlags: ['--audit', '1'],
    partsOf: (shard: number) => [shard, (shard + 1) % SHARDS],
  },
  {
    name: 'standby',
    title: 'one copy of every expert and a standby shard',
    standby: true,
    faults: Math.ceil(STANDBY_SHARE * Number(flags.faults)),
    kinds: kinds.filter((kind) => kind !== 'flip'),
    partsOf: (shard: number) => [shard],
  },
].filter(({ name, kinds }) => kinds.length > 0 && (flags.only === undefined || flags.only === name));
if (parts.length === 0)
  throw new Error(`--only ${flags.only}: there are the parts replicas, liars and standby`);

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
      log: openSync(logPath, 'a'),
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

/** Memory for the running answers and little more, so that repeated prompts are computed again. Bytes. */
function kvBytes(): number {
  const { layers, kvHeads, headDim } = config;
  const longest = 800; // tokens: twice those of the longest prompt and answer
  return 2 * layers * kvHeads * headDim * Float32Array.BYTES_PER_ELEMENT * longest * streams;
}

function kindNamed(name: string): Kind {
  const kind = KINDS.find((each) => each === name);
  if (kind === undefined) throw new Error(`--kinds ${name}: there are ${KINDS.join(', ')}`);
  return kind;
}

/** On a terminal the line is overwritten; elsewhere every line stays. */
function progress(line: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${line}`);
  else if (line !== '') process.stderr.write(`${line.trimEnd()}\n`);
}
