// The points of the growth tables: what is varied, and the load at each point. Data and pure functions.
import type { Load } from '../comparison/rows.ts';

/** What a load measures: tokens a second of all streams after their first tokens, or of all prompts until then. */
export type Measure = 'decode' | 'prefill';

export interface Point extends Load {
  measure: Measure;
  /** Line of the table, such as `decode, 8 streams`. */
  line: string;
  /** Value of what the table varies. */
  x: number;
}

/** A process of `expertgrid up`, and the points that it is measured at. */
export interface Setup {
  table: TableName;
  /** Flags of `up`. */
  flags: readonly string[];
  points: readonly Point[];
}

export const tableNames = ['streams', 'context', 'shards', 'rows'] as const;
export type TableName = (typeof tableNames)[number];

/** Stands for `--in-process` among the numbers of shards. */
export const IN_PROCESS = 0;
/** Tokens that each stream generates where decode is measured: these, and more if other streams start later. */
const TOKENS = 65;
const MORE_TOKENS = 2;
const SHORT_PROMPT = 16;
const LONG_PROMPT = 128;

const full = {
  streams: [1, 2, 4, 8, 16, 32, 64],
  context: [16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192],
  shards: [IN_PROCESS, 1, 2, 4, 8],
  rows: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512],
};
const quick: typeof full = {
  streams: [1, 8, 64],
  context: [16, 512, 8192],
  shards: [IN_PROCESS, 1, 4],
  rows: [1, 64, 512],
};
export const valuesOf = (isQuick: boolean) => (isQuick ? quick : full);

/** Tokens of context that the points of the table `context` need. */
export const LONGEST = Math.max(...full.context) + TOKENS;

/** The processes that measure these tables. The table `rows` has none, because bench/parts/hop.ts measures it. */
export function setupsOf(tables: readonly TableName[], isQuick: boolean): Setup[] {
  const values = valuesOf(isQuick);
  const setups: Setup[] = [
    {
      table: 'streams',
      flags: ['--in-process'],
      points: values.streams.flatMap((streams) => [
        decode('decode', streams, { streams, prompt: SHORT_PROMPT }),
        prefill('prefill', streams, { streams, prompt: LONG_PROMPT }),
      ]),
    },
    {
      table: 'context',
      flags: ['--in-process'],
      points: values.context.flatMap((prompt) => [
        decode('decode', prompt, { streams: 1, prompt }),
        prefill('prefill', prompt, { streams: 1, prompt }),
      ]),
    },
    ...values.shards.map((shards): Setup => {
      const flags = shards === IN_PROCESS ? ['--in-process'] : ['--shards', String(shards)];
      const points = [
        decode('decode, 1 stream', shards, { streams: 1, prompt: SHORT_PROMPT }),
        decode('decode, 8 streams', shards, { streams: 8, prompt: SHORT_PROMPT }),
        prefill('prefill', shards, { streams: 8, prompt: LONG_PROMPT }),
      ];
      return { table: 'shards', flags, points };
    }),
  ];
  return setups.filter(({ table }) => tables.includes(table));
}

type Size = Pick<Load, 'streams' | 'prompt'>;

function decode(line: string, x: number, size: Size): Point {
  // The first stream must still decode when the last has its first token.
  const tokens = TOKENS + MORE_TOKENS * (size.streams - 1);
  return { measure: 'decode', line, x, ...size, tokens, temperature: 0, topP: 1 };
}

/** One token ends each stream, so that no stream decodes while the prompts of others are computed. */
function prefill(line: string, x: number, size: Size): Point {
  return { measure: 'prefill', line, x, ...size, tokens: 1, temperature: 0, topP: 1 };
}

/** Names of a comma-separated list. Throws if there is no such table. */
export function tablesNamed(list: string): TableName[] {
  return list.split(',').map((name) => {
    const found = tableNames.find((each) => each === name.trim());
    if (found) return found;
    throw new Error(`--tables: no table ${name}; there are ${tableNames.join(', ')}`);
  });
}
