// Speed of a zone that has lost its only shard of some experts and borrows them from another zone: `node bench/fleet/zones.ts
// [--model DIR] [--lost 88-95] [--delay 40] [--streams 1,8] [--prompts 24] [--tokens 64]`. A relay before the far shard delays
// messages by `--delay` milliseconds in each direction. Runs the same prompts with all shards and without the lost one, requires
// the same texts, and compares the speed with a prediction from the first run: a step takes a round trip longer for each layer in
// which some stream uses a lost expert. The last line is JSON; exit code 1 if a request fails, a text changes, or the prediction is
// more than 20 % off.
import { cpus } from 'node:os';
import { modelDirectory } from '../../cli/files.ts';
import { parseHoldings } from '../../experts/holdings.ts';
import { loadTokenizer } from '../../gateway/api/text/tokenizer.ts';
import { unitShape } from '../../model/config/model-config.ts';
import { parseAddress } from '../../rpc/address.ts';
import { startRelayThread } from '../../test/support/network/relay-thread.ts';
import { commitHere } from '../commit.ts';
import { readFlags } from '../flags.ts';
import { heldOutTexts, readConfig } from '../inputs.ts';
import { table } from '../print.ts';
import { mean, sum } from '../statistics.ts';
import { GATEWAY_READY, SHARD_READY, startOurs, untilReady } from '../up-process.ts';

const flags = readFlags({
  model: 'nano',
  /** Experts of every layer that only the lost shard holds in the near zone. */
  lost: '88-95',
  /** Milliseconds in each direction. */
  delay: '40',
  streams: '1,8',
  prompts: '24',
  tokens: '64',
});
/** Largest share by which the speed may differ from the prediction. */
const MOST_OFF = 0.2;
const PROMPT_TOKENS = 16;

interface Answer {
  text: string;
  tokens: number;
  remoteHops: number;
  /** Milliseconds between the first event and the last. */
  ms: number;
}

const model = modelDirectory(flags.model);
const { experts, layers } = unitShape(await readConfig(model));
const lostUnits = parseHoldings(flags.lost, { experts, layers });
const kept = Array.from({ length: experts }, (_, expert) => expert)
  .filter((expert) => !lostUnits.some((unit) => unit.expert === expert))
  .join(',');
const closers: (() => Promise<unknown>)[] = [];
try {
  process.exitCode = (await run()) ? 0 : 1;
} finally {
  for (const close of closers.toReversed()) await close();
}

async function run(): Promise<boolean> {
  const near = await startShard('near', kept);
  const lost = await startShard('near', flags.lost);
  const far = await startShard('far', `0-${experts - 1}`);
  const relay = await startRelayThread({ to: parseAddress(far.address), delayMs: Number(flags.delay) });
  closers.push(() => relay.close());
  const shards = [near.address, lost.address, `127.0.0.1:${relay.address.port}`].join(',');
  const url = await startGateway(shards);
  const prompts = await readPrompts();
  const counts = flags.streams.split(',').map(Number);
  const whole = [];
  for (const streams of counts) whole.push(await ask(url, prompts, streams));
  const shares = await lostShares(url);
  process.kill(lost.pid, 'SIGKILL');
  await lost.ended;
  const lines = [];
  for (const [i, streams] of counts.entries()) {
    const borrowed = await ask(url, prompts, streams);
    lines.push(compare({ streams, shares, whole: whole[i]!, borrowed }));
  }
  return report(lines);
}

async function startShard(zone: string, held: string) {
  const args = [
    'shard',
    '--model',
    model,
    '--experts',
    held,
    '--zone',
    zone,
    '--port',
    '0',
    '--threads',
    '1',
  ];
  const shard = await startOurs(args, SHARD_READY, { printErrors: false });
  closers.push(() => shard.stop());
  return shard;
}

async function startGateway(shards: string): Promise<string> {
  const args = ['gateway', '--model', model, '--zone', 'near', '--shards', shards, '--port', '0'];
  const gateway = await startOurs([...args, '--log-level', 'error'], GATEWAY_READY);
  closers.push(() => gateway.stop());
  await untilReady(gateway.address);
  return gateway.address;
}

async function readPrompts(): Promise<number[][]> {
  const tokenizer = await loadTokenizer(modelDirectory('nano'));
  const texts = (await heldOutTexts()).slice(0, Number(flags.prompts));
  return texts.map((text) => [...tokenizer.encode(text)].slice(0, PROMPT_TOKENS));
}

/** Answers all prompts, `streams` at a time. */
async function ask(url: string, prompts: readonly number[][], streams: number): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (let at = 0; at < prompts.length; at += streams) {
    const batch = prompts.slice(at, at + streams).map((prompt) => complete(url, prompt));
    answers.push(...(await Promise.all(batch)));
  }
  return answers;
}

async function complete(url: string, prompt: readonly number[]): Promise<Answer> {
  const body = {
    ...{ prompt, max_tokens: Number(flags.tokens), temperature: 0, ignore_eos: true },
    ...{ stream: true, stream_options: { include_usage: true } },
  };
  const response = await fetch(`${url}/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!response.ok || response.body === null) throw new Error(`${response.status} ${await response.text()}`);
  let whole = '';
  let firstAt: number | undefined;
  let lastAt = 0;
  for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
    whole += piece;
    lastAt = performance.now();
    firstAt ??= lastAt;
  }
  const events = whole.split('\n\n').flatMap((event) => {
    const data = event.replace(/^data: /, '');
    return data === '' || data === '[DONE]' ? [] : [JSON.parse(data)];
  });
  const failed = events.find(({ error }) => error !== undefined);
  if (failed !== undefined) throw new Error(failed.error.message);
  const { completion_tokens: tokens, remote_hops: remoteHops = 0 } = events.at(-1).usage;
  const text = events.map(({ choices }) => choices[0]?.text ?? '').join('');
  return { text, tokens, remoteHops, ms: lastAt - (firstAt ?? lastAt) };
}

/** By layer, the share of the rows so far that the lost experts have computed. */
async function lostShares(url: string): Promise<number[]> {
  const { totals } = (await (await fetch(`${url}/v1/experts/heat`)).json()) as { totals: number[][] };
  return totals.map((ofLayer, layer) => {
    const lost = lostUnits.filter((unit) => unit.layer === layer).map(({ expert }) => ofLayer[expert] ?? 0);
    return sum(lost) / sum(ofLayer);
  });
}

interface Compared {
  streams: number;
  /** Tokens a second of one stream. */
  whole: number;
  borrowed: number;
  predicted: number;
  hopsPerToken: number;
  changed: number;
}

function compare({
  streams,
  shares,
  whole,
  borrowed,
}: {
  streams: number;
  shares: readonly number[];
  whole: readonly Answer[];
  borrowed: readonly Answer[];
}): Compared {
  const speed = (answers: readonly Answer[]) =>
    sum(answers.map(({ tokens }) => tokens - 1)) / (sum(answers.map(({ ms }) => ms)) / 1_000);
  /** Layers of a step in which at least one of the streams uses a lost expert. */
  const layersHit = sum(shares.map((share) => 1 - (1 - share) ** streams));
  const stepMs = 1_000 / speed(whole);
  return {
    streams,
    whole: speed(whole),
    borrowed: speed(borrowed),
    predicted: 1_000 / (stepMs + layersHit * 2 * Number(flags.delay)),
    hopsPerToken: mean(borrowed.map(({ remoteHops, tokens }) => remoteHops / (tokens + PROMPT_TOKENS))),
    changed: borrowed.filter(({ text }, i) => text !== whole[i]!.text).length,
  };
}

function report(lines: readonly Compared[]): boolean {
  const head = [
    'streams',
    'tokens/s whole',
    'borrowed',
    'predicted',
    'off',
    'remote hops a token',
    'changed texts',
  ];
  const off = ({ borrowed, predicted }: Compared) => borrowed / predicted - 1;
  const cells = lines.map((line) => [
    String(line.streams),
    line.whole.toFixed(1),
    line.borrowed.toFixed(2),
    line.predicted.toFixed(2),
    `${(100 * off(line)).toFixed(0)} %`,
    line.hopsPerToken.toFixed(3),
    String(line.changed),
  ]);
  console.log(table(head, cells).join('\n'));
  const cpu = cpus()[0]?.model;
  console.log(JSON.stringify({ ...flags, cpu, commit: commitHere(), lines }));
  return lines.every((line) => line.changed === 0 && Math.abs(off(line)) <= MOST_OFF);
}
