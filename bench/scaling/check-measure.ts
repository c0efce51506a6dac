// Measures the capacities of the check's cell while it is idle.
import type { ScalingPage } from '../../infra/scaling/pages.ts';
import { mean, sum } from '../statistics.ts';
import type { CheckCell, LiveGateway } from './check-cell.ts';
import { generate } from './check-client.ts';
import { type Measured, PROMPT_TOKENS, SEQUENCES } from './check-model.ts';

interface MeasureOptions {
  model: string;
  vocab: number;
  groups: readonly string[];
  rowsPerToken: number;
}

/** Tokens of each measured answer, and numbers of runs. */
const TOKENS = 60;
const RUNS = 3;
/** Prompts of the measurements are other ones than those of the trace. */
const FIRST_NUMBER = 100_000;

/** Starts two gateways and a shard of each group, measures them, and leaves one gateway. */
export async function measureCell(
  cell: CheckCell,
  { model, vocab, groups, rowsPerToken }: MeasureOptions,
): Promise<Measured> {
  cell.setReplicas([0, ...groups.map(() => 1)]);
  await cell.settled();
  for (const gateways of [1, 2]) {
    cell.setReplicas([gateways, ...groups.map(() => 1)]);
    await cell.settled();
  }
  const [gateway] = cell.gateways();
  if (gateway === undefined) throw new Error('the gateway that was started is not ready');
  let number = FIRST_NUMBER;
  const ask = () => generate({ model, vocab }, gateway, { prompt: PROMPT_TOKENS, answer: TOKENS }, number++);
  await timed(ask, 1);
  const alone = await repeated(() => timed(ask, 1));
  const together = await repeated(() => timed(ask, SEQUENCES));
  const [page] = await cell.pages();
  cell.setReplicas([1, ...groups.map(() => 1)]);
  const decoding = mean(together.map(({ decodeSeconds }) => decodeSeconds));
  const decodePerSecond = (SEQUENCES * (TOKENS - 1)) / decoding;
  return {
    tokenMs: (1000 * mean(alone.map(({ decodeSeconds }) => decodeSeconds))) / (TOKENS - 1),
    firstSeconds: mean(alone.map(({ firstSeconds }) => firstSeconds)),
    decodePerSecond,
    kvTokens: await kvTokensOf(gateway),
    startSeconds: { gateway: mean(cell.startSeconds.gateways), shard: mean(cell.startSeconds.shards) },
    heat: heatOf(page, groups),
    rowsPerToken,
  };
}

/** Part of the rows that each group has had. */
function heatOf(page: ScalingPage | undefined, groups: readonly string[]): number[] {
  const rows = groups.map((name) => {
    const group = page?.groups.find(({ experts }) => experts === name);
    if (group === undefined) throw new Error(`/v1/scaling has no group of shards with the experts ${name}`);
    return group.rows_per_second;
  });
  return rows.map((each) => each / sum(rows));
}

async function kvTokensOf({ url }: LiveGateway): Promise<number> {
  const page = await (await fetch(new URL('/metrics/engine', url))).text();
  const number = (label: string) =>
    Number(new RegExp(`cache_config_info.*\\b${label}="(\\d+)"`).exec(page)?.[1]);
  const tokens = number('block_size') * number('num_gpu_blocks');
  if (!(tokens > 0)) throw new Error(`/metrics/engine of ${url} does not tell the size of the KV cache`);
  return tokens;
}

async function repeated<Value>(measure: () => Promise<Value>): Promise<Value[]> {
  const values: Value[] = [];
  for (let run = 0; run < RUNS; run++) values.push(await measure());
  return values;
}

/** Means of requests that run at the same time. */
async function timed(ask: () => ReturnType<typeof generate>, streams: number) {
  const played = await Promise.all(Array.from({ length: streams }, ask));
  const times = played.map(({ firstSeconds, endSeconds, error }) => {
    if (firstSeconds === undefined || endSeconds === undefined) throw new Error(`a request failed: ${error}`);
    return { firstSeconds, decodeSeconds: endSeconds - firstSeconds };
  });
  return {
    firstSeconds: mean(times.map(({ firstSeconds }) => firstSeconds)),
    decodeSeconds: mean(times.map(({ decodeSeconds }) => decodeSeconds)),
  };
}
