// Quality and speed of a served model with other numbers of experts a token: `node bench/nano/elastic.ts [--url http://127.0.0.1:8080]
// [--out FILE] [--rounds 5]`. The share right of the 200 tasks, greedy, and the median of the tokens a second of one stream, in rounds of
// alternating order. The last line, which --out writes to a file, is JSON.
import { readFile, writeFile } from 'node:fs/promises';
import { readFlags } from '../flags.ts';
import { median } from '../statistics.ts';
import { firstModel, rightTasks, type Served, sharesOf } from '../world/asking.ts';
import type { Task } from '../world/rules.ts';
import { ELASTIC, type ElasticPoint } from './tables.ts';

const TOKENS = 256; // of a timed answer

const flags = readFlags({ url: 'http://127.0.0.1:8080', out: undefined, rounds: '5' });
const headers = { 'content-type': 'application/json' };
const model = await firstModel({ url: flags.url, headers });
const tasks = JSON.parse(
  await readFile(new URL('../../train/world/tasks.json', import.meta.url), 'utf8'),
) as Task[];

const speeds = new Map<number, number[]>(ELASTIC.map((k) => [k, []]));
for (let round = 0; round < Number(flags.rounds); round++) {
  for (const k of round % 2 === 0 ? ELASTIC : ELASTIC.toReversed())
    speeds.get(k)!.push(await tokensPerSecond(k, round));
}
const points: ElasticPoint[] = [];
for (const k of ELASTIC) {
  const served = servedWith(k);
  const { right } = sharesOf(tasks, await rightTasks(tasks, served, { concurrency: 4 }));
  const speed = median(speeds.get(k)!)!;
  points.push({ experts: k, right, tokensPerSecond: Math.round(speed) });
  console.log(`${k} experts a token: ${(100 * right).toFixed(1)} % right, ${speed.toFixed(0)} tokens/s`);
}
console.log(JSON.stringify(points));
if (flags.out !== undefined) await writeFile(flags.out, `${JSON.stringify(points)}\n`);

function servedWith(k: number): Served {
  return { url: flags.url, model, headers, expertgrid: { experts_per_token: k } };
}

/** Of an answer that is sampled, because a greedy one repeats itself and is then guessed ahead. */
async function tokensPerSecond(k: number, seed: number): Promise<number> {
  const { expertgrid } = servedWith(k);
  const body = {
    model,
    prompt: 'Once upon a time,',
    temperature: 1,
    seed,
    max_tokens: TOKENS,
    ignore_eos: true,
    expertgrid,
  };
  const from = performance.now();
  const response = await fetch(new URL('/v1/completions', flags.url), {
    ...{ method: 'POST', headers, body: JSON.stringify(body) },
  });
  if (!response.ok) throw new Error(`${k} experts: ${response.status} ${await response.text()}`);
  const { usage } = (await response.json()) as { usage: { completion_tokens: number } };
  return usage.completion_tokens / ((performance.now() - from) / 1000);
}
