// Which experts serve which kind of text: `node bench/nano/heat.ts [--url http://127.0.0.1:8080] [--model ID] [--out FILE]`. It needs
// a gateway that does nothing else. It reads the held-out texts of the small world and of old prose kind by kind, and takes from
// /v1/experts/heat what each kind adds. Prints the experts that a kind calls most; `--out` writes all numbers as JSON for report.ts.
import { readFile, writeFile } from 'node:fs/promises';
import { readFlags } from '../flags.ts';
import { heldOutFile } from '../inputs.ts';
import { sum } from '../statistics.ts';
import { askJson, firstModel } from '../world/asking.ts';
import { callsByKind, type KindCalls, kindOf, topExperts } from './kinds.ts';

const { url, ...flags } = readFlags({ url: 'http://127.0.0.1:8080', model: undefined, out: undefined });
const worldFile = new URL('../../train/world/held-out.json', import.meta.url);

const model = flags.model ?? (await firstModel({ url }));
const read = async (file: URL) =>
  JSON.parse(await readFile(file, 'utf8')) as { from: string; text: string }[];
const prose = (await read(heldOutFile)).map(({ text }) => ({ from: 'prose', text }));
const texts = [...(await read(worldFile)), ...prose];

const found: KindCalls[] = [];
for (const [kind, each] of Map.groupBy(texts, ({ from }) => kindOf(from))) {
  const before = await heat();
  for (const { text } of each) await readText(text);
  const after = await heat();
  found.push({ kind, calls: callsByKind(before, after) });
}
for (const { kind, calls } of found) {
  console.log(`${kind}: ${sum(calls[0] ?? [])} rows`);
  for (const [layer, ofLayer] of calls.entries()) {
    const top = topExperts(ofLayer, 3).map(
      ({ expert, share }) => `${expert} (${(100 * share).toFixed(0)} %)`,
    );
    console.log(`  layer ${layer}: ${top.join(', ')}`);
  }
}
if (flags.out !== undefined) await writeFile(flags.out, `${JSON.stringify(found)}\n`);

/** Has the model read a text, without writing one. */
async function readText(prompt: string): Promise<void> {
  await askJson({ url }, '/v1/completions', { model, prompt, echo: true, max_tokens: 0, logprobs: 0 });
}

async function heat(): Promise<number[][]> {
  const { totals } = (await askJson({ url }, '/v1/experts/heat')) as { totals: number[][] };
  return totals;
}
