// The shapes of what operators are told: shards, heat, history, drain. They name what clients read; answers may hold more.
import { z } from 'zod';
import { columns } from '../history/history.ts';

const count = z.int().min(0);
const amount = z.number().min(0);
const text = z.string();

const shard = z.object({
  address: text,
  state: z
    .enum(['away', 'banned', 'validating', 'available', 'draining', 'cordoned', 'unresponsive', 'retired'])
    .describe('docs/operations.md tells what each state means and what leads out of it.'),
  since: z.number().describe('When the shard came into this state, in Unix seconds.'),
  standby: z.boolean().describe('Whether it is used only if a request or the gateway allows a stand-in.'),
  units: count.describe('(Layer, expert) pairs that it can be called for now.'),
  experts: text.describe(
    'Those pairs as the flag --experts writes them; of a shard that is away, what it held when it was last here.',
  ),
  numerics_class: text.nullable().describe('Shards of one class give the same bits.'),
  weight_bytes: amount.nullable().describe('Bytes of the weights that it holds; null if not known.'),
  memory_bytes: amount.nullable().describe('Memory of its process; null while it is away.'),
  in_flight: count.describe('Calls that it has not answered yet.'),
  expected_ms: amount.describe('How long the next call is expected to take.'),
  calls: count.describe('Since the start of this gateway, as all counts below.'),
  rows: count,
  failures: count,
  timeouts: count.describe('Of the failures, calls that were not answered in time.'),
  reconnects: count,
  cordons: count,
  unresponsive: count.describe('How often it answered pings and no calls.'),
  bans: count,
  golden_rows: count,
  bytes_sent: count,
  bytes_received: count,
});

export const shardsAnswer = z.object({
  object: z.literal('list'),
  ready: z.boolean().describe('Whether every expert is held by a shard that is available.'),
  without_replica: z
    .array(z.object({ layer: count, experts: text }))
    .describe('Experts that one shard serves and no other.'),
  memory_bytes: amount.describe("Memory of the gateway's process."),
  data: z.array(shard),
});

const byExpert = z.array(z.array(amount)).describe('By layer, then by expert.');

export const heatAnswer = z.object({
  object: z.literal('experts.heat'),
  model: text.describe('Identity of the checkpoint.'),
  layers: count,
  experts: count,
  half_life_seconds: amount.describe('In this time `counts` fall to half unless new rows come.'),
  counts: byExpert,
  totals: byExpert,
  steps: z.array(z.object({ rows: count, count: amount })).describe('Engine steps by the rows in them.'),
  transitions: z.unknown().optional().describe('With `transitions=1`: the experts of the next layer.'),
});

const values = z.array(z.number().nullable());
const series = z.object(Object.fromEntries(columns.map((name) => [name, values])));
const stretch = z.object({
  step: count.describe('Seconds between two values.'),
  start: count.describe('Unix seconds of the first value; 0 if there is none.'),
  series: series.describe('Oldest first; null where nothing is known. Counters are told as rates a second.'),
});

export const historyAnswer = z.object({
  object: z.literal('history'),
  version: text,
  started: count.describe('When this gateway started, in Unix seconds.'),
  now: count.describe("The gateway's clock, in Unix seconds."),
  totals: z
    .object({ requests: count, errors: count, refused: count })
    .describe('Since the start, probes left out.'),
  seconds: stretch.describe('The last ten minutes.'),
  minutes: stretch.describe('The last 24 hours.'),
});

export const drainAnswer = z.object({
  address: text,
  safe_to_delete: z.boolean().describe('Whether every call was answered before the shard left.'),
  answered: count.describe('Calls that the shard has answered since its start.'),
  in_flight: count.describe('Calls that were cut off.'),
});
