// Counts what the processes of a fleet have done: CPU time of their threads from Linux's /proc, and counters from /metrics.
import { readdirSync, readFileSync } from 'node:fs';
import { sum } from '../statistics.ts';
import type { Fleet, Server } from './fleet.ts';

/** Totals over all processes since their starts. CPU times are in microseconds. */
export interface Counts {
  atMs: number;
  engineUs: number;
  /** All other threads of the gateways: the API, the collector of garbage and the compiler. */
  apiUs: number;
  shardUs: number;
  /** This process, which sends the requests. */
  clientUs: number;
  steps: number;
  microBatches: number;
  generated: number;
  prompted: number;
  /** Frames that gateways sent. */
  frames: number;
  /** Rows and experts that shards ran; an expert counts once for each run. */
  expertRows: number;
  expertRuns: number;
}

type Times = Pick<Counts, 'atMs' | 'engineUs' | 'apiUs' | 'shardUs' | 'clientUs'>;

/** Reads the counters first and the CPU times second if `isFirst`, and else the other way, because reading counters takes CPU time. */
export async function count(fleet: Fleet, isFirst: boolean): Promise<Counts> {
  if (!isFirst) {
    const times = timesOf(fleet);
    return { ...(await countersOf(fleet)), ...times };
  }
  const counters = await countersOf(fleet);
  return { ...counters, ...timesOf(fleet) };
}

function timesOf({ gateways, shards }: Fleet): Times {
  const threads = gateways.map(gatewayThreads);
  const { user, system } = process.cpuUsage();
  return {
    atMs: performance.now(),
    engineUs: sum(threads.map(({ engineUs }) => engineUs)),
    apiUs: sum(threads.map(({ apiUs }) => apiUs)),
    shardUs: sum(shards.map(({ pid }) => sum(threadTimes(pid).map(({ us }) => us)))),
    clientUs: user + system,
  };
}

async function countersOf({ gateways, shards }: Fleet): Promise<Omit<Counts, keyof Times>> {
  const [gatewayPages, shardPages] = await Promise.all([
    Promise.all(gateways.map(({ url }) => page(`${url}/metrics`))),
    Promise.all(shards.map(({ url }) => page(url))),
  ]);
  const of = (pages: readonly string[], name: string) => sum(pages.map((text) => sample(text, name)));
  return {
    steps: of(gatewayPages, 'expertgrid_engine_steps_total'),
    microBatches: of(gatewayPages, 'expertgrid_engine_micro_batches_total'),
    generated: of(gatewayPages, 'expertgrid_engine_generated_tokens_total'),
    prompted: of(gatewayPages, 'expertgrid_engine_prompt_tokens_total'),
    frames: of(gatewayPages, 'expertgrid_engine_expert_calls_total'),
    expertRows: of(shardPages, 'expertgrid_shard_batch_rows_sum'),
    expertRuns: of(shardPages, 'expertgrid_shard_expert_runs_total'),
  };
}

/** What was counted between two counts. */
export function between(before: Counts, after: Counts): Counts {
  const grown = { ...after };
  for (const name of Object.keys(after) as (keyof Counts)[]) grown[name] -= before[name];
  return grown;
}

/** The thread of the engine is the one that has run longest, apart from the main thread. */
function gatewayThreads({ pid }: Server): { engineUs: number; apiUs: number } {
  const times = threadTimes(pid);
  const engineUs = Math.max(...times.filter(({ tid }) => tid !== pid).map(({ us }) => us));
  return { engineUs, apiUs: sum(times.map(({ us }) => us)) - engineUs };
}

function threadTimes(pid: number): { tid: number; us: number }[] {
  return readdirSync(`/proc/${pid}/task`).map((tid) => {
    const [runNs] = readFileSync(`/proc/${pid}/task/${tid}/schedstat`, 'utf8').split(' ');
    return { tid: Number(tid), us: Number(runNs) / 1000 };
  });
}

async function page(url: string): Promise<string> {
  const answer = await fetch(url);
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${text}`);
  return text;
}

function sample(text: string, name: string): number {
  const [, value] = new RegExp(`^${name} (\\S+)$`, 'm').exec(text) ?? [];
  if (value === undefined) throw new Error(`the metrics have no ${name}`);
  return Number(value);
}
