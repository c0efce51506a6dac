// The rows of the comparison's table: what is measured for which engine, and the target. Data and pure functions.

/** The engines: expertgrid in one process (`local`), expertgrid with shards over loopback, and llama.cpp (`peer`). */
export const subjects = ['local', 'one-shard', 'two-shards', 'sharded', 'peer'] as const;
export type Subject = (typeof subjects)[number];

/** Name of each subject with shards, and its number of shards. */
export const shardedSubjects = {
  'one-shard': { name: '1 shard', shards: 1 },
  'two-shards': { name: '2 shards', shards: 2 },
  sharded: { name: '4 shards', shards: 4 },
} as const satisfies Partial<Record<Subject, { name: string; shards: number }>>;
type ShardedSubject = keyof typeof shardedSubjects;

export type Figure =
  | 'decode-16'
  | 'decode-512'
  | 'decode-8-streams'
  | 'decode-32-streams'
  | 'decode-sampled'
  | 'prefill-128'
  | 'prefill-512'
  | 'memory'
  | 'start-warm'
  | 'start-cold'
  | 'cold-bytes'
  | 'floor-1'
  | 'floor-8';

export interface Load {
  streams: number;
  /** Tokens of each prompt, and number of tokens to generate after it. */
  prompt: number;
  tokens: number;
  temperature: number;
  topP: number;
}

interface TimedLoad extends Load {
  /** Figure that is measured on the tokens after the first token. */
  decode?: Figure;
  /** Figure that is measured on the time to first token. */
  prefill?: Figure;
}

const greedy = { temperature: 0, topP: 1 };

/** The loads, in the order in which a fresh process runs them. */
export const loads: readonly TimedLoad[] = [
  { streams: 1, prompt: 16, tokens: 65, ...greedy, decode: 'decode-16' },
  { streams: 1, prompt: 16, tokens: 65, temperature: 0.8, topP: 0.95, decode: 'decode-sampled' },
  { streams: 1, prompt: 128, tokens: 2, ...greedy, prefill: 'prefill-128' },
  { streams: 1, prompt: 512, tokens: 33, ...greedy, decode: 'decode-512', prefill: 'prefill-512' },
  { streams: 8, prompt: 16, tokens: 33, ...greedy, decode: 'decode-8-streams' },
  { streams: 32, prompt: 16, tokens: 97, ...greedy, decode: 'decode-32-streams' },
];

/** Number of streams of the load that measures this decode speed. Undefined if no load does. */
export function streamsOf(figure: Figure): number | undefined {
  return loads.find(({ decode }) => decode === figure)?.streams;
}

/** Runs right after a start, to measure the time from `exec` to the first token. */
export const firstLoad: Load = { streams: 1, prompt: 16, tokens: 2, ...greedy };
/** Runs `warmUps` times before loads are timed, to map pages and allocate buffers. */
export const warmUp: Load = { streams: 1, prompt: 256, tokens: 2, ...greedy };
export const warmUps = 4;

export type Unit = 'tokens/s' | 'bytes' | 's' | 'share';

export type Target =
  /** Ratio to llama.cpp's figure, or to our own figure in `against`. */
  | { of: 'peer' | 'against'; atLeast: number }
  | { of: 'value'; atLeast: number }
  | { of: 'value'; atMost: number }
  /** Ratio to the size of the bundle. */
  | { of: 'bundle'; atMost: number };

/** A decode step whose least possible time (floor) is computed: its number of rows, and of tokens before each row. */
export interface Floor {
  streams: number;
  positions: number;
}

export interface Row {
  /** Name for `--only`. */
  name: string;
  title: string;
  unit: Unit;
  /** Our engine in this row. Its figure is compared with the same figure of llama.cpp. */
  subject: Subject;
  figure: Figure;
  /** Another figure of ours. The row also prints our figure divided by that figure. */
  against?: { of: readonly [Subject, Figure]; words: string };
  target?: Target;
  /** Present if the row also prints the least possible time of a step divided by its measured time. */
  floor?: Floor;
}

type More = Pick<Row, 'against' | 'target' | 'floor'>;

const local = (figure: Figure) => ({ subject: 'local', figure }) as const;
const sharded = (figure: Figure) => ({ subject: 'sharded', figure }) as const;
const speed = (name: string, title: string, ours: Pick<Row, 'subject' | 'figure'>, more: More): Row => {
  return { name, title, unit: 'tokens/s', ...ours, ...more };
};
const overPeer = (atLeast: number): Target => ({ of: 'peer', atLeast });
/** A decode speed with shards, compared with the same speed in one process. */
const withShards = (name: string, subject: ShardedSubject, streams: 1 | 8, atLeast?: number): Row => {
  const { title, figure } = {
    1: { title: '1 stream', figure: 'decode-16' },
    8: { title: '8 streams', figure: 'decode-8-streams' },
  }[streams] as { title: string; figure: Figure };
  return speed(
    name,
    `${shardedSubjects[subject].name}, decode, ${title}`,
    { subject, figure },
    {
      against: { of: ['local', figure], words: 'of in process' },
      ...(atLeast !== undefined && { target: { of: 'against', atLeast } }),
    },
  );
};
const memory = { unit: 'bytes', target: { of: 'bundle', atMost: 1.1 } } as const;
const floorShare = (atLeast: number) => ({ unit: 'share', target: { of: 'value', atLeast } }) as const;

export const rows: readonly Row[] = [
  speed('decode-16', 'decode, 1 stream, prompt 16', local('decode-16'), {
    target: overPeer(1.7),
    floor: { streams: 1, positions: 48 },
  }),
  speed('decode-512', 'decode, 1 stream, prompt 512', local('decode-512'), {
    target: overPeer(3),
    floor: { streams: 1, positions: 528 },
  }),
  speed('streams-8', 'decode, 8 streams', local('decode-8-streams'), {
    target: overPeer(2),
    floor: { streams: 8, positions: 32 },
  }),
  speed('streams-32', 'decode, 32 streams', local('decode-32-streams'), {
    target: overPeer(2.3),
    floor: { streams: 32, positions: 64 },
  }),
  speed('sampled', 'decode, 1 stream, temperature 0.8, top_p 0.95', local('decode-sampled'), {
    against: { of: ['local', 'decode-16'], words: 'of greedy' },
    target: { of: 'against', atLeast: 0.95 },
  }),
  speed('prefill-128', 'prefill, 1 stream, 128 tokens', local('prefill-128'), { target: overPeer(2) }),
  speed('prefill-512', 'prefill, 1 stream, 512 tokens', local('prefill-512'), { target: overPeer(2) }),
  withShards('one-shard-1', 'one-shard', 1, 0.85),
  withShards('one-shard-8', 'one-shard', 8),
  withShards('two-shards-1', 'two-shards', 1),
  withShards('two-shards-8', 'two-shards', 8),
  withShards('shards-1', 'sharded', 1, 0.75),
  withShards('shards-8', 'sharded', 8, 0.75),
  { name: 'memory', title: 'memory, all experts used', ...local('memory'), ...memory },
  { name: 'memory-shards', title: '4 shards, memory, all experts used', ...sharded('memory'), ...memory },
  {
    name: 'start-warm',
    title: 'start, files in the page cache',
    unit: 's',
    ...local('start-warm'),
    target: { of: 'value', atMost: 3 },
  },
  { name: 'start-shards', title: '4 shards, start, warm', unit: 's', ...sharded('start-warm') },
  { name: 'start-cold', title: 'start, cold', unit: 's', ...local('start-cold') },
  {
    name: 'cold-bytes',
    title: 'read until the first token, cold',
    unit: 'bytes',
    ...local('cold-bytes'),
  },
  { name: 'floor-1', title: 'share of the floor, 1 stream', ...local('floor-1'), ...floorShare(0.7) },
  { name: 'floor-8', title: 'share of the floor, 8 streams', ...local('floor-8'), ...floorShare(0.6) },
];

/** Figures that are computed: the least possible time of a step divided by its time, which comes from `figure`. */
export const floorOf: Partial<Record<Figure, Floor & { figure: Figure }>> = {
  'floor-1': { figure: 'decode-16', streams: 1, positions: 48 },
  'floor-8': { figure: 'decode-8-streams', streams: 8, positions: 32 },
};

/** Rows of a comma-separated list of names; all rows if undefined. Throws if a name has no row. */
export function rowsNamed(only: string | undefined): Row[] {
  if (only === undefined) return [...rows];
  return only.split(',').map((name) => {
    const row = rows.find((each) => each.name === name.trim());
    if (row) return row;
    throw new Error(`--only: no row ${name}; there are ${rows.map((each) => each.name).join(', ')}`);
  });
}

/** Figures of a subject that must be measured for these rows. */
export function figuresOf(wanted: readonly Row[], subject: Subject): Set<Figure> {
  const pairs = wanted.flatMap(({ subject: ours, figure, against }): (readonly [Subject, Figure])[] => [
    [ours, figure],
    ['peer', figure],
    ...(against === undefined ? [] : [against.of]),
  ]);
  return new Set(
    pairs.filter(([of]) => of === subject).map(([, figure]) => floorOf[figure]?.figure ?? figure),
  );
}
