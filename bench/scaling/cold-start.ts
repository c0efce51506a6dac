// How long the first request of a cell that is scaled to zero takes: `node bench/scaling/cold-start.ts [--model nano] [--rounds 5]
// [--polling 15]`. Plays the part of KEDA: reads /v1/scaling of an edge every `--polling` seconds, and starts a gateway and two shards
// of each half of the experts as soon as the region is wanted. The first reading comes after a random part of the interval. Pods would
// add the time in which a node is found and the image is fetched. Prints a line for each round, and exits with 1 if a request fails.
import { setTimeout as delay } from 'node:timers/promises';
import { modelDirectory } from '../../cli/files.ts';
import { freePort } from '../../test/support/process.ts';
import { readFlags } from '../flags.ts';
import { readConfig } from '../inputs.ts';
import { table } from '../print.ts';
import { median } from '../statistics.ts';
import { GATEWAY_READY, type OurProcess, SHARD_READY, startOurs, untilReady } from '../up-process.ts';

const flags = readFlags({ model: 'nano', rounds: '5', polling: '15' });
const pollingMs = Number(flags.polling) * 1_000;
const COLD_START_SECONDS = 600;

interface Round {
  /** Milliseconds from the request to each event. */
  wanted: number;
  ready: number;
  firstToken: number;
}

const model = modelDirectory(flags.model);
const { experts } = await readConfig(model);
const half = experts / 2;
const groups = [`0-${half - 1}`, `${half}-${experts - 1}`];

const rounds: Round[] = [];
for (let i = 0; i < Number(flags.rounds); i++) rounds.push(await coldStart());
const seconds = (ms: number) => (ms / 1_000).toFixed(1);
const rows = rounds.map(({ wanted, ready, firstToken }, i) => [
  `${i + 1}`,
  ...[wanted, ready, firstToken, firstToken - wanted].map(seconds),
]);
const head = ['round', 'wanted, s', 'gateway ready, s', 'first token, s', 'without KEDA, s'];
console.log(table(head, rows).join('\n'));
const startMs = median(rounds.map(({ wanted, firstToken }) => firstToken - wanted)) ?? Number.NaN;
const firstTokenMs = median(rounds.map(({ firstToken }) => firstToken)) ?? Number.NaN;
console.log(JSON.stringify({ polling_s: pollingMs / 1_000, startMs, firstTokenMs }));

async function coldStart(): Promise<Round> {
  const ports = await Promise.all([1, 2, 3, 4, 5].map(() => freePort()));
  const [gatewayPort, ...shardPorts] = ports as [number, ...number[]];
  const gateway = `http://127.0.0.1:${gatewayPort}`;
  const edge = await startOurs(
    [
      ...['edge', '--gateways', gateway, '--port', '0', '--cold-start', `${COLD_START_SECONDS}`],
      ...['--log-level', 'warn'],
    ],
    /^edge ready in .* at (http:\S+)/m,
    { printErrors: false },
  );
  const started: Promise<OurProcess>[] = [];
  try {
    const begun = performance.now();
    const since = () => performance.now() - begun;
    const answer = firstToken(edge.address).then(since);
    await delay(Math.random() * pollingMs);
    while (!(await isWanted(edge.address))) await delay(pollingMs);
    const wanted = since();
    started.push(...start(gatewayPort, shardPorts));
    await untilReady(gateway);
    return { wanted, ready: since(), firstToken: await answer };
  } finally {
    await Promise.all([edge, ...(await Promise.all(started))].map((each) => each.stop()));
  }
}

function start(gatewayPort: number, shardPorts: readonly number[]): Promise<OurProcess>[] {
  const addresses = shardPorts.map((port) => `127.0.0.1:${port}`);
  const gateway = ['gateway', '--shards', addresses.join(','), '--port', `${gatewayPort}`];
  return [
    ...shardPorts.map((port, i) => {
      const held = groups[i % groups.length] ?? '';
      const args = ['shard', '--model', model, '--experts', held, '--port', `${port}`, '--threads', '1'];
      return startOurs([...args, '--log-level', 'error'], SHARD_READY);
    }),
    startOurs([...gateway, '--model', model, '--log-level', 'error'], GATEWAY_READY),
  ];
}

async function isWanted(edge: string): Promise<boolean> {
  const { regions } = (await (await fetch(`${edge}/v1/scaling`)).json()) as { regions: [{ wanted: number }] };
  return regions[0].wanted === 1;
}

/** Resolves when the first token of a stream has arrived. */
async function firstToken(edge: string): Promise<void> {
  const response = await fetch(`${edge}/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ prompt: 'The old man', max_tokens: 8, temperature: 0, stream: true }),
  });
  if (!response.ok || response.body === null) throw new Error(`${response.status}: ${await response.text()}`);
  let text = '';
  for await (const part of response.body.pipeThrough(new TextDecoderStream())) {
    text += part;
    if (/"text":"[^"]/.test(text)) return;
  }
  throw new Error(`the stream had no token: ${text}`);
}
