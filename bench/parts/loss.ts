// How well a bundle predicts held-out text: `node bench/parts/loss.ts [--model nano] [--text held-out.json] [--windows
// 1000]`. The text is a JSON list of { from, text }, or the corpus.json of train/, of which only the held-out documents
// count. A gateway scores the text in the windows of train/evaluate.py: 512 tokens each, and each begins with the last
// token of the window before. Prints bits per byte for each source and for all sources; the last line is JSON.
import { readFile } from 'node:fs/promises';
import { modelDirectory } from '../../cli/files.ts';
import { loadTokenizer } from '../../gateway/api/text/tokenizer.ts';
import { readFlags } from '../flags.ts';
import { heldOutFile } from '../inputs.ts';
import { sum } from '../statistics.ts';
import { startUp } from '../up-process.ts';

/** Number of tokens that are predicted in a window. */
const WINDOW = 512;

const flags = readFlags({ model: 'nano', text: heldOutFile.pathname, windows: '1000' });

const documents = await readDocuments(flags.text);
const tokenizer = await loadTokenizer(modelDirectory(flags.model));
const sizes = (id: number) => (tokenizer.specialName(id) ?? tokenizer.bytes(id)).length;
const up = await startUp(flags.model, ['--in-process']);
const [served] = ((await (await fetch(`${up.url}/v1/models`)).json()) as { data: { id: string }[] }).data;
const all = { bits: 0, bytes: 0 };
const lines = [];
for (const [from, texts] of documents) {
  const ids = texts.flatMap((text) => tokenizer.encode(`<|endoftext|>${text}`, { addSpecial: false }));
  const own = { bits: 0, bytes: 0, windows: 0 };
  const last = Math.min(Number(flags.windows), Math.max(1, Math.floor((ids.length - 1) / WINDOW)));
  for (let n = 0; n < last; n++) {
    const prompt = ids.slice(n * WINDOW, (n + 1) * WINDOW + 1);
    own.bits += await bitsOf(prompt);
    own.bytes += prompt.slice(1).reduce((bytes, id) => bytes + sizes(id), 0);
    own.windows++;
  }
  all.bits += own.bits;
  all.bytes += own.bytes;
  lines.push({ from, windows: own.windows, bitsPerByte: own.bits / own.bytes });
  console.log(`${from}: ${(own.bits / own.bytes).toFixed(4)} (${own.windows} windows)`);
}
await up.stop();
const bitsPerByte = all.bits / all.bytes;
console.log(`all: ${bitsPerByte.toFixed(4)}`);
console.log(JSON.stringify({ model: flags.model, lines, bitsPerByte }));

/** Bits that the model needs to encode all tokens of the prompt but the first. */
async function bitsOf(prompt: readonly number[]): Promise<number> {
  const body = JSON.stringify({ model: served?.id, prompt, echo: true, logprobs: 0, max_tokens: 0 });
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`${up.url}/v1/completions`, { method: 'POST', headers, body });
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
  const { choices } = (await response.json()) as { choices: { logprobs: { token_logprobs: number[] } }[] };
  const logprobs = choices[0]?.logprobs.token_logprobs.slice(1) ?? [];
  if (logprobs.length !== prompt.length - 1)
    throw new Error(`the gateway answered ${logprobs.length} log-probabilities for ${prompt.length} tokens`);
  return -sum(logprobs) / Math.LN2;
}

/** Texts of each source. */
async function readDocuments(file: string): Promise<[string, string[]][]> {
  const read = JSON.parse(await readFile(file, 'utf8')) as
    | { from: string; text: string }[]
    | Record<string, { held?: string[] }>;
  if (Array.isArray(read)) return read.map(({ from, text }) => [from, [text]]);
  return Object.entries(read).flatMap(([from, { held }]) => (held === undefined ? [] : [[from, held]]));
}
