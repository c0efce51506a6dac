// Describes the operations for operators: health, version, metrics, history, shards and heat.
import { z } from 'zod';
import { drainSchema } from '../drain.ts';
import { columns } from '../history/history.ts';
import { count, grouped, modelParameter, text } from './operation.ts';

const readyAnswer = z.object({
  status: z.enum(['ready', 'not_ready', 'unknown']),
  reason: text.optional(),
  missing: z.array(z.object({ layer: count, experts: z.unknown() })).describe('Units that no shard holds.'),
  warnings: z
    .array(z.object({ what: text, message: text }))
    .optional()
    .describe('Problems that an operator should fix although the server answers. Absent: none.'),
});

const amount = z.number().min(0);

const shard = z.object({
  address: text,
  in_process: z.boolean().describe("Whether the shard runs in the gateway's own process."),
  zone: text.nullable().describe('Where the shard runs. Null: near to every gateway.'),
  state: z
    .enum(['away', 'banned', 'validating', 'available', 'draining', 'cordoned', 'unresponsive', 'retired'])
    .describe('docs/operations.md explains each state and what ends it.'),
  since: z.number().describe('When the shard entered this state, in Unix seconds.'),
  standby: z
    .boolean()
    .describe('Whether the shard is used only if a request or the gateway allows the rung `standby`.'),
  units: count.describe('Number of units (experts of a layer) that the shard serves now.'),
  experts: text.describe(
    'The units in the format of the flag --experts. If the shard is away: the units that it served before.',
  ),
  numerics_class: text.nullable().describe('Shards of one class give the same bits.'),
  weight_bytes: amount.nullable().describe('Bytes of the weights that the shard holds. Null if not known.'),
  memory_bytes: amount
    .nullable()
    .describe('Resident bytes of memory of its process. Null while the shard is away.'),
  in_flight: count.describe('Calls that the shard has not answered yet.'),
  expected_ms: amount.describe('Expected duration of the next call in milliseconds.'),
  calls: count.describe('Calls since the start of this gateway. All counts below are since then too.'),
  rows: count,
  failures: count,
  timeouts: count.describe('Failures because the shard did not answer in time.'),
  reconnects: count,
  cordons: count,
  unresponsive: count.describe('How often the shard answered pings but no calls.'),
  bans: count,
  golden_rows: count,
  bytes_sent: count.describe('Bytes of rows that were sent to another process.'),
  bytes_received: count,
});

const shardsAnswer = z.object({
  object: z.literal('list'),
  ready: z.boolean().describe('Whether every expert is held by a shard that is available.'),
  without_replica: z
    .array(z.object({ layer: count, experts: text }))
    .describe('Experts that only one shard serves.'),
  borrowed: z
    .array(z.object({ layer: count, experts: text }))
    .describe('Experts that only shards of other zones serve.'),
  memory_bytes: amount.describe("Bytes of memory of the gateway's process."),
  data: z.array(shard),
});

const byExpert = z.array(z.array(amount)).describe('By layer, then by expert.');

const heatAnswer = z.object({
  object: z.literal('experts.heat'),
  model: text.describe('Identity of the checkpoint.'),
  layers: count,
  experts: count,
  half_life_seconds: amount.describe('Time in which `counts` fall to half without new rows.'),
  counts: byExpert,
  totals: byExpert,
  steps: z.array(z.object({ rows: count, count: amount })).describe('Engine steps by their number of rows.'),
  transitions: z
    .unknown()
    .optional()
    .describe('With `transitions=1`: experts of the next layer to which the rows of each expert went.'),
});

const values = z.array(z.number().nullable());

const stretch = z.object({
  step: count.describe('Seconds between two values.'),
  start: count.describe('Time of the first value in Unix seconds. 0 if there is none.'),
  series: z
    .object(Object.fromEntries(columns.map((name) => [name, values])))
    .describe('Oldest first. Null: not known. Counters are rates for each second.'),
});

const historyAnswer = z.object({
  object: z.literal('history'),
  version: text,
  started: count.describe('When this gateway started, in Unix seconds.'),
  now: count.describe("The gateway's clock, in Unix seconds."),
  totals: z
    .object({ requests: count, errors: count, refused: count })
    .describe('Counts since the start, without requests of probes and open pages.'),
  seconds: stretch.describe('The last ten minutes.'),
  minutes: stretch.describe('The last 24 hours.'),
});

const drainAnswer = z.object({
  address: text,
  safe_to_delete: z.boolean().describe('Whether every call was answered before the shard left.'),
  answered: count.describe('Calls that the shard has answered since its start.'),
  in_flight: count.describe('Calls that were cut off.'),
});

const stretchExample = (step: number, start: number) => ({
  ...{ step, start },
  series: {
    ...{ requests: [2], errors: [0], refused: [0], prompt_tokens: [24], generated_tokens: [310] },
    ...{ first_token_median: [0.041], first_token_p95: [0.092] },
    ...{ next_token_median: [0.006], next_token_p95: [0.011] },
    ...{ running: [2], waiting: [0], kv_used: [0.03] },
  },
});

const load = {
  running: count.describe('Sequences that are generated.'),
  waiting: count.describe('Sequences that wait for admission.'),
  queue_seconds: amount.describe('How long the first of them has waited.'),
  kv_used: amount.max(1).describe('Used part of the KV memory.'),
};

const scalingAnswer = z.object({
  object: z.literal('scaling'),
  ...load,
  models: z.array(z.object({ model: text, ...load })),
  groups: z
    .array(
      z.object({
        model: text,
        experts: text.describe('What each shard of the group holds, in the format of the flag --experts.'),
        shards: count.describe('Shards of the group that are in service.'),
        in_flight: count,
        rows_per_second: amount.describe('Rows that the group is sent, about the mean of ten seconds.'),
        hop_p99_ms: amount.describe(
          'Of the slowest shard. 0 before enough calls, and while there are no rows.',
        ),
      }),
    )
    .describe('Shards that hold the same experts.'),
});

const scalingExample = {
  ...{ object: 'scaling', running: 2, waiting: 1, queue_seconds: 0.4, kv_used: 0.31 },
  models: [{ model: 'nano', running: 2, waiting: 1, queue_seconds: 0.4, kv_used: 0.31 }],
  groups: [
    { model: 'nano', experts: '0-23', shards: 2, in_flight: 1, rows_per_second: 310.5, hop_p99_ms: 1.9 },
  ],
};

const historyExample = {
  ...{ object: 'history', version: '0.1.0', started: 1_790_000_000, now: 1_790_003_600 },
  totals: { requests: 4_120, errors: 0, refused: 3 },
  ...{ seconds: stretchExample(1, 1_790_003_599), minutes: stretchExample(60, 1_790_003_520) },
};

const shardsExample = {
  ...{ object: 'list', ready: true, without_replica: [{ layer: 0, experts: '0-23' }], borrowed: [] },
  memory_bytes: 157_286_400,
  data: [
    {
      ...{ address: '127.0.0.1:7001', in_process: false, zone: 'eu', state: 'available' },
      ...{ since: 1_790_000_002, standby: false },
      ...{ units: 144, experts: '0-23', numerics_class: 'cpu-1', weight_bytes: 6_291_456 },
      ...{ memory_bytes: 75_497_472, in_flight: 0, expected_ms: 0.31, calls: 5_120, rows: 6_044 },
      ...{ failures: 0, timeouts: 0, reconnects: 0, unresponsive: 0 },
      ...{ cordons: 0, bans: 0, golden_rows: 144, bytes_sent: 6_189_056, bytes_received: 6_189_056 },
    },
  ],
};

const heatExample = {
  ...{ object: 'experts.heat', model: 'sha256:2a7c', layers: 1, experts: 4, half_life_seconds: 600 },
  ...{ counts: [[4.1, 0, 12.7, 1]], totals: [[5, 0, 15, 1]], steps: [{ rows: 1, count: 21 }] },
};

export const operatorOperations = grouped('Operate', {
  'get /health': {
    summary: 'Whether the process is alive',
    description: 'A liveness probe, which does not ask the engine.',
    answer: { name: 'Health', zod: z.object({ status: z.literal('ok') }), example: { status: 'ok' } },
    failures: 'open',
  },
  'get /health/ready': {
    answer: {
      name: 'Readiness',
      zod: readyAnswer,
      example: { status: 'ready', missing: [] },
      alsoFor: [503],
    },
    failures: 'probe',
    summary: 'Whether every expert is served',
    description:
      'A readiness probe: 503 while an expert is held by no shard. The body lists the missing experts by layer.',
    parameters: [modelParameter],
  },
  'get /version': {
    summary: 'The version of this server',
    answer: { name: 'Version', zod: z.object({ version: text }), example: { version: '0.1.0' } },
    failures: 'keyed',
  },
  'get /metrics': {
    admin: true,
    summary: 'Counters and histograms for Prometheus',
    type: 'text/plain',
    failures: 'keyed',
  },
  'get /metrics/engine': {
    admin: true,
    summary: 'Load of the engines, for routers that choose a gateway',
    description:
      'A small page with the gauges of the Gateway API Inference Extension under the names of vLLM. It does not wait for the engine.',
    type: 'text/plain',
    failures: 'keyed',
  },
  'get /v1/history': {
    admin: true,
    summary: 'Ten minutes by the second and a day by the minute',
    description:
      'The data of the console. The gateway keeps it in about 100 kB of memory and loses it when its process ends.',
    parameters: [
      {
        ...{ name: 'since', in: 'query', description: 'Only values after this time in Unix seconds.' },
        schema: { type: 'integer', minimum: 0, maximum: 999_999_999_999 },
      },
    ],
    answer: { name: 'History', zod: historyAnswer, example: historyExample },
    failures: 'listed',
  },
  'get /v1/scaling': {
    admin: true,
    summary: 'What an autoscaler needs to know',
    description:
      'Queue and KV memory of this gateway, and the load of each group of shards. KEDA reads it with its metrics-api scaler.',
    answer: { name: 'Scaling', zod: scalingAnswer, example: scalingExample },
    failures: 'keyed',
  },
  'get /v1/shards': {
    admin: true,
    summary: 'The shards of a model, as this gateway sees them',
    parameters: [modelParameter],
    answer: { name: 'Shards', zod: shardsAnswer, example: shardsExample },
    failures: 'status',
  },
  'post /v1/shards/drain': {
    admin: true,
    summary: 'Take a shard out of service',
    description:
      'The shard finishes its calls, other shards take over, and its process ends. The answer is sent when the shard has left. ' +
      'That takes as long as its calls, but at most ten seconds. A shard that is the only holder of an expert stays (409, code ' +
      '`only_holder`), unless `force` is true. Without API keys only a gateway on a loopback address allows this.',
    schema: { name: 'DrainRequest', zod: drainSchema },
    examples: { 'One shard': { address: '127.0.0.1:7001' } },
    answer: {
      name: 'Drained',
      zod: drainAnswer,
      example: { address: '127.0.0.1:7001', safe_to_delete: true, answered: 5_120, in_flight: 0 },
    },
    failures: 'drain',
  },
  'get /v1/experts/heat': {
    admin: true,
    summary: 'How many rows each expert of each layer has computed',
    parameters: [
      modelParameter,
      {
        ...{ name: 'transitions', in: 'query', schema: { enum: ['0', '1'] } },
        description: '1 adds the experts of the next layer to which the rows went.',
      },
    ],
    answer: { name: 'Heat', zod: heatAnswer, example: heatExample },
    failures: 'status',
  },
});
