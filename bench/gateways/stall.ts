// How long a stream stalls if its gateway is killed or leaves service: `node bench/gateways/stall.ts --model DIR [--tokens 500,4000]
// [--rounds 3] [--shards 1]`. After so many generated tokens, the stream is continued by computing the text again (kill), or with the
// keys and values that the leaving gateway has sent (leave). Compares with computing one token a step. Prints medians; the last line is
// JSON.
import { setTimeout as delay } from 'node:timers/promises';
import { modelDirectory } from '../../cli/files.ts';
import { endAtSignals, openLog } from '../chaos/processes.ts';
import { readFlags } from '../flags.ts';
import { post } from '../http.ts';
import { table } from '../print.ts';
import { percentile } from '../statistics.ts';
import { Fleet, type OneGateway } from './fleet.ts';

const flags = readFlags({
  model: 'nano',
  tokens: '500,4000',
  rounds: '3',
  shards: '1',
});

/** Tokens after the interruption. */
const AFTER = 20;
const ways = ['kill', 'leave'] as const;

interface Stall {
  way: (typeof ways)[number];
  tokens: number;
  /** From the last event before the interruption to the next event. */
  stallMs: number;
  /** Time for a token before the interruption. */
  stepMs: number;
}

endAtSignals();
const { log } = openLog('stall');
const fleet = await Fleet.start({
  model: modelDirectory(flags.model),
  shards: Number(flags.shards),
  gateways: 2,
  gatewayFlags: ['--no-speculate'],
  log,
});
const model = flags.model.split('/').at(-1);
const stalls: Stall[] = [];
try {
  await delay(3_000); // each gateway knows the other after its second GET /peer
  for (let round = 0; round < Number(flags.rounds); round++) {
    for (const tokens of flags.tokens.split(',').map(Number)) {
      for (const way of ways) {
        stalls.push(await stall(way, tokens, round));
        process.stderr.write(`${JSON.stringify(stalls.at(-1))}\n`);
      }
    }
  }
  report();
} finally {
  await fleet.close();
}
process.exit();

async function stall(way: Stall['way'], tokens: number, round: number): Promise<Stall> {
  // Prompts differ from the first token on, so that no prefix is cached.
  const prompt = [100 + stalls.length, ...Array.from({ length: 15 }, (_, i) => 7 + i + round)];
  const body = { model, prompt, max_tokens: tokens + AFTER, temperature: 0, ignore_eos: true, stream: true };
  const response = await post(new URL('/v1/completions', fleet.edge), body);
  const times: number[] = [];
  let lost: Promise<OneGateway> | undefined;
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) {
    text = (text + chunk).slice(-200);
    for (const _ of chunk.matchAll(/^data: \{/gm)) times.push(performance.now());
    if (times.length >= tokens) lost ??= interrupt(way);
  }
  if (!text.includes('[DONE]')) throw new Error(`the stream ended with ${text}`);
  const gateway = await lost;
  if (gateway === undefined) throw new Error(`the stream ended after ${times.length} events`);
  await gateway.start();
  await delay(6_000);
  const gaps = times.slice(1).map((time, i) => time - (times[i] ?? time));
  const before = gaps.slice(Math.min(50, tokens / 2), tokens - 1);
  return { way, tokens, stallMs: Math.max(...gaps.slice(tokens - 1)), stepMs: percentile(before, 0.5) };
}

/** Kills the gateway of the stream, or lets it leave. Resolves to the gateway when its process has ended. */
async function interrupt(way: Stall['way']): Promise<OneGateway> {
  for (const gateway of fleet.gateways) {
    if (!(await gateway.isBusy())) continue;
    await gateway.kill(way === 'kill' ? 'SIGKILL' : 'SIGTERM');
    return gateway;
  }
  throw new Error('no gateway has the stream');
}

function report(): void {
  const groups = [...Map.groupBy(stalls, ({ way, tokens }) => `${way} ${tokens}`).values()];
  const rows = groups.map((group) => {
    const [{ way, tokens } = { way: '', tokens: 0 }] = group;
    const [stallMs, stepMs] = [
      percentile(
        group.map((each) => each.stallMs),
        0.5,
      ),
      percentile(
        group.map((each) => each.stepMs),
        0.5,
      ),
    ];
    return [
      `${way} after ${tokens} tokens`,
      stallMs.toFixed(0),
      stepMs.toFixed(1),
      (tokens * stepMs).toFixed(0),
    ];
  });
  console.log(table(['interruption', 'stall ms', 'step ms', 'one token a step ms'], rows).join('\n'));
  console.log(JSON.stringify({ ...flags, stalls }));
}
