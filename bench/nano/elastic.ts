// Quality and speed of a served model with other numbers of experts a token: `node bench/nano/elastic.ts [--url http://127.0.0.1:8080]
// [--out FILE] [--rounds 5]`. It measures the share right of the 200 tasks, greedy, and the speed of one stream: the median of rounds of
// alternating order. The last line, which --out writes to a file, is JSON.
import { writeFile } from 'node:fs/promises';
import { readFlags } from '../flags.ts';
import { median } from '../statistics.ts';
import { askJson, firstModel, readTasks, rightTasks, sharesOf } from '../world/asking.ts';
import { ELASTIC, type ElasticPoint } from './tables.ts';

const TOKENS = 256; // of a timed answer

const { url, ...flags } = readFlags({ url: 'http://127.0.0.1:8080', out: undefined, rounds: '5' });
const model = await firstModel({ url });
const tasks = await readTasks();

const speeds = new Map<number, number[]>(ELASTIC.map((k) => [k, []]));
for (let round = 0; round < Number(flags.rounds); round++) {
  for (const k of round % 2 === 0 ? ELASTIC : ELASTIC.toReversed())
    speeds.get(k)!.push(await tokensPerSecond(k, round));
}
const points: ElasticPoint[] = [];
for (const k of ELASTIC) {
  const served = { url, model, expertgrid: { experts_per_token: k } };
  const { right } = sharesOf(tasks, await rightTasks(tasks, served, { concurrency: 4 }));
  const speed = median(speeds.get(k)!)!;
  points.push({ experts: k, right, tokensPerSecond: Math.round(speed) });
  console.log(`${k} experts a token: ${(100 * right).toFixed(1)} % right, ${speed.toFixed(0)} tokens/s`);
}
console.log(JSON.stringify(points));
if (flags.out !== undefined) await writeFile(flags.out, `${JSON.stringify(points)}\n`);

/** The answer is sampled, because a greedy one repeats itself, and drafts would then make it faster than usual. */
async function tokensPerSecond(k: number, seed: number): Promise<number> {
  const body = {
    ...{ model, prompt: 'Once upon a time,', temperature: 1, seed, max_tokens: TOKENS, ignore_eos: true },
    expertgrid: { experts_per_token: k },
  };
  const from = performance.now();
  await askJson({ url }, '/v1/completions', body);
  return TOKENS / ((performance.now() - from) / 1000);
}
