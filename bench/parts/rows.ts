// The rows of the table: what is measured, for which engine, and its target. Data and pure functions.

/** Ours in one process, ours in four shards, llama.cpp. */
export type Subject = 'local' | 'sharded' | 'peer';

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
  /** Tokens of each prompt, and to generate after it. */
  prompt: number;
  tokens: number;
  temperature: number;
  topP: number;
}

export interface TimedLoad extends Load {
  /** What its tokens after the first, and its first, give. */
  decode?: Figure;
  prefill?: Figure;
}

const greedy = { temperature: 0, topP: 1 };

/** In the order in which a fresh process runs them. */
export const loads: readonly TimedLoad[] = [
  { streams: 1, prompt: 16, tokens: 65, ...greedy, decode: 'decode-16' },
  { streams: 1, prompt: 16, tokens: 65, temperature: 0.8, topP: 0.95, decode: 'decode-sampled' },
  { streams: 1, prompt: 128, tokens: 2, ...greedy, prefill: 'prefill-128' },
  { streams: 1, prompt: 512, tokens: 33, ...greedy, decode: 'decode-512', prefill: 'prefill-512' },
  { streams: 8, prompt: 16, tokens: 33, ...greedy, decode: 'decode-8-streams' },
  { streams: 32, prompt: 16, tokens: 97, ...greedy, decode: 'decode-32-streams' },
];

/** exec to first token. */
export const firstLoad: Load = { streams: 1, prompt: 16, tokens: 2, ...greedy };
/** Runs before anything is timed, to map pages and make buffers. */
export const warmUp: Load = { streams: 1, prompt: 256, tokens: 2, ...greedy };
export const warmUps = 4;

export type Unit = 'tokens/s' | 'bytes' | 's' | 'share';

export type Target =
  /** Factor over the peer's figure, or over our own other figure (`against`). */
  | { of: 'peer' | 'against'; atLeast: number }
  | { of: 'value'; atLeast: number }
  | { of: 'value'; atMost: number }
  | { of: 'bundle'; atMost: number };

export interface Row {
  name: string;
  title: string;
  unit: Unit;
  ours: readonly [Subject, Figure];
  /** The peer's figure. Absent if it has none. */
  peer?: Figure;
  /** Printed as a share of this one, with what it should be. */
  against?: { of: readonly [Subject, Figure]; words: string; aim?: number };
  target?: Target;
  /** Rows of a decode step and the tokens before each, for the share of the floor. */
  floor?: { streams: number; positions: number };
}

const tokens = 'tokens/s';
const inProcess = { words: 'of in process' };

export const rows: readonly Row[] = [
  {
    name: 'decode-16',
    title: 'decode, 1 stream, prompt 16',
    unit: tokens,
    ours: ['local', 'decode-16'],
    peer: 'decode-16',
    target: { of: 'peer', atLeast: 1.5 },
    floor: { streams: 1, positions: 48 },
  },
  {
    name: 'decode-512',
    title: 'decode, 1 stream, prompt 512',
    unit: tokens,
    ours: ['local', 'decode-512'],
    peer: 'decode-512',
    target: { of: 'peer', atLeast: 2.5 },
    floor: { streams: 1, positions: 528 },
  },
  {
    name: 'streams-8',
    title: 'decode, 8 streams',
    unit: tokens,
    ours: ['local', 'decode-8-streams'],
    peer: 'decode-8-streams',
    target: { of: 'peer', atLeast: 1.6 },
    floor: { streams: 8, positions: 32 },
  },
  {
    name: 'streams-32',
    title: 'decode, 32 streams',
    unit: tokens,
    ours: ['local', 'decode-32-streams'],
    peer: 'decode-32-streams',
    target: { of: 'peer', atLeast: 1.6 },
    floor: { streams: 32, positions: 64 },
  },
  {
    name: 'sampled',
    title: 'decode, 1 stream, temperature 0.8, top_p 0.95',
    unit: tokens,
    ours: ['local', 'decode-sampled'],
    peer: 'decode-sampled',
    against: { of: ['local', 'decode-16'], words: 'of greedy' },
    target: { of: 'against', atLeast: 0.95 },
  },
  {
    name: 'prefill-128',
    title: 'prefill, 1 stream, 128 tokens',
    unit: tokens,
    ours: ['local', 'prefill-128'],
    peer: 'prefill-128',
    target: { of: 'peer', atLeast: 1.5 },
  },
  {
    name: 'prefill-512',
    title: 'prefill, 1 stream, 512 tokens',
    unit: tokens,
    ours: ['local', 'prefill-512'],
    peer: 'prefill-512',
    target: { of: 'peer', atLeast: 1.5 },
  },
  {
    name: 'shards-1',
    title: '4 shards, decode, 1 stream',
    unit: tokens,
    ours: ['sharded', 'decode-16'],
    peer: 'decode-16',
    against: { of: ['local', 'decode-16'], ...inProcess, aim: 0.85 },
    target: { of: 'peer', atLeast: 1.3 },
  },
  {
    name: 'shards-8',
    title: '4 shards, decode, 8 streams',
    unit: tokens,
    ours: ['sharded', 'decode-8-streams'],
    peer: 'decode-8-streams',
    against: { of: ['local', 'decode-8-streams'], ...inProcess, aim: 0.92 },
    target: { of: 'peer', atLeast: 1.4 },
  },
  {
    name: 'memory',
    title: 'memory, all experts used',
    unit: 'bytes',
    ours: ['local', 'memory'],
    peer: 'memory',
    target: { of: 'bundle', atMost: 1.1 },
  },
  {
    name: 'memory-shards',
    title: '4 shards, memory, all experts used',
    unit: 'bytes',
    ours: ['sharded', 'memory'],
    peer: 'memory',
    target: { of: 'bundle', atMost: 1.1 },
  },
  {
    name: 'start-warm',
    title: 'start, files in the page cache',
    unit: 's',
    ours: ['local', 'start-warm'],
    peer: 'start-warm',
    target: { of: 'value', atMost: 3 },
  },
  {
    name: 'start-shards',
    title: '4 shards, start, warm',
    unit: 's',
    ours: ['sharded', 'start-warm'],
    peer: 'start-warm',
  },
  { name: 'start-cold', title: 'start, cold', unit: 's', ours: ['local', 'start-cold'], peer: 'start-cold' },
  {
    name: 'cold-bytes',
    title: 'read until the first token, cold',
    unit: 'bytes',
    ours: ['local', 'cold-bytes'],
    peer: 'cold-bytes',
  },
  {
    name: 'floor-1',
    title: 'share of the floor, 1 stream',
    unit: 'share',
    ours: ['local', 'floor-1'],
    peer: 'floor-1',
    target: { of: 'value', atLeast: 0.6 },
  },
  {
    name: 'floor-8',
    title: 'share of the floor, 8 streams',
    unit: 'share',
    ours: ['local', 'floor-8'],
    peer: 'floor-8',
    target: { of: 'value', atLeast: 0.6 },
  },
];

/** Shares of the floor are computed from these. */
export const floorOf: Partial<Record<Figure, { figure: Figure; streams: number; positions: number }>> = {
  'floor-1': { figure: 'decode-16', streams: 1, positions: 48 },
  'floor-8': { figure: 'decode-8-streams', streams: 8, positions: 32 },
};

export function rowsNamed(only: string | undefined): Row[] {
  if (only === undefined) return [...rows];
  return only.split(',').map((name) => {
    const row = rows.find((each) => each.name === name.trim());
    if (row) return row;
    throw new Error(`--only: no row ${name}; there are ${rows.map((each) => each.name).join(', ')}`);
  });
}

/** What must be measured for a subject of these rows. */
export function figuresOf(wanted: readonly Row[], subject: Subject): Set<Figure> {
  const pairs = wanted.flatMap(({ ours, peer, against }): (readonly [Subject, Figure])[] => [
    ours,
    ...(peer === undefined ? [] : [['peer', peer] as const]),
    ...(against === undefined ? [] : [against.of]),
  ]);
  return new Set(
    pairs.filter(([of]) => of === subject).map(([, figure]) => floorOf[figure]?.figure ?? figure),
  );
}
