// OpenAI's and Anthropic's clients and the AI SDK through the edge, streamed and not, while the cells of two regions are killed in turn:
// no client sees an error, and every answer is that of an undisturbed run.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import Anthropic from '@anthropic-ai/sdk';
import { generateText, streamText } from 'ai';
import OpenAI from 'openai';
import { beforeAll, expect, it } from 'vitest';
import { eventually, freePort, startCli } from '../../support/process.ts';
import { type Gateway, gatewayOf } from '../gateway.ts';

const KILLS = 6;
const nano = join(import.meta.dirname, '..', '..', '..', 'models', 'nano');
const folder = mkdtempSync(join(tmpdir(), 'expertgrid-cells-'));
const secret = join(folder, 'secret');
writeFileSync(secret, randomBytes(48).toString('base64'), { mode: 0o600 });

const max = 200;
const content = 'Tell me about the sea.';
const messages = [{ role: 'user' as const, content }];
/** No answer ends before its limit. */
const plain = { model: 'nano', temperature: 0, ignore_eos: true };

let start: readonly (() => Promise<Gateway>)[];
let cells: Gateway[];
/** One request by each client, in each way. They resolve to the text of the answer. */
let requests: Record<string, () => Promise<string>>;

beforeAll(async () => {
  const ports = [await freePort(), await freePort()];
  start = ports.map((port) => async () => {
    const own = ['--shards', '2', '--port', `${port}`, '--edge-secret-file', secret, '--log-level', 'warn'];
    const cell = await gatewayOf(startCli(['up', '--model', nano, ...own]));
    await eventually(async () => (await fetch(`${cell.url}/health/ready`)).ok);
    return cell;
  });
  cells = await Promise.all(start.map((one) => one()));
  const regions = ['near', 'far'].map((name, i) => ({ name, gateways: [cells[i]?.url] }));
  const file = join(folder, 'regions.json');
  writeFileSync(file, JSON.stringify({ regions }));
  const secrets = ['--edge-secret-file', secret, '--admin-secret-file', secret];
  const accounts = ['--accounts', join(folder, 'accounts.db')];
  const edge = startCli(['edge', '--regions', file, ...secrets, ...accounts, '--port', '0']);
  const [, url = ''] = await edge.says(/edge ready in .* at (http:\S+)/);
  const made = startCli(['key', 'create', 'caller', '--edge', url, '--admin-secret-file', secret]);
  await made.exit;
  requests = clientsOf(url, made.stdout.trim());
}, 120_000);

function clientsOf(url: string, key: string): Record<string, () => Promise<string>> {
  const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });
  const anthropic = new Anthropic({ baseURL: url, apiKey: key, maxRetries: 0 });
  const provider = createOpenAICompatible({ name: 'expertgrid', baseURL: `${url}/v1`, apiKey: key });
  const chat = { ...plain, messages, max_tokens: max };
  const sdk = {
    model: provider('nano'),
    prompt: content,
    maxOutputTokens: max,
    temperature: 0,
    maxRetries: 0,
    providerOptions: { expertgrid: { ignore_eos: true } },
  };
  return {
    'openai chat': async () => (await openai.chat.completions.create(chat)).choices[0]?.message.content ?? '',
    'openai chat, streamed': async () => {
      let text = '';
      for await (const { choices } of await openai.chat.completions.create({ ...chat, stream: true }))
        text += choices[0]?.delta.content ?? '';
      return text;
    },
    'openai responses': async () =>
      (await openai.responses.create({ ...plain, input: content, max_output_tokens: max })).output_text,
    'openai responses, streamed': async () => {
      const asked = { ...plain, input: content, max_output_tokens: max };
      return (await openai.responses.stream(asked).finalResponse()).output_text;
    },
    anthropic: async () => textOf(await anthropic.messages.create(chat)),
    'anthropic, streamed': async () => textOf(await anthropic.messages.stream(chat).finalMessage()),
    'ai sdk': async () => (await generateText(sdk)).text,
    'ai sdk, streamed': async () => {
      let text = '';
      const streamed = streamText({
        ...sdk,
        onError: ({ error }) => {
          throw error;
        },
      });
      for await (const piece of streamed.textStream) text += piece;
      expect(await streamed.finishReason).not.toBe('error');
      return text;
    },
  };
}

function textOf({ content: parts }: Anthropic.Message): string {
  return parts.map((part) => (part.type === 'text' ? part.text : '')).join('');
}

/** Kills all processes of a cell, and starts it again. */
async function killCell(at: number): Promise<void> {
  const cell = cells[at];
  const one = start[at];
  if (cell === undefined || one === undefined) throw new Error(`there is no cell ${at}`);
  await new Promise((resolve) => setTimeout(resolve, 300 + 300 * (at + 1)));
  cell.process.signal('SIGKILL'); // its shards end with it
  await cell.process.exit;
  cells[at] = await one();
}

it('every answer is whole and unchanged', async () => {
  const expected: Record<string, string> = {};
  for (const [name, ask] of Object.entries(requests)) expected[name] = await ask();
  expect(Object.values(expected).every((text) => text.length > 100)).toBe(true);

  let over = false;
  const answers: Record<string, number> = {};
  const asking = Object.entries(requests).map(async ([name, ask]) => {
    while (!over) {
      expect([name, await ask()]).toEqual([name, expected[name]]);
      answers[name] = (answers[name] ?? 0) + 1;
    }
  });
  const killing = (async () => {
    for (let kill = 0; kill < KILLS; kill++) await killCell(kill % 2);
  })().finally(() => {
    over = true;
  });
  await Promise.all([killing, ...asking]);
  console.log(`measured: ${KILLS} kills; answers of each client: ${JSON.stringify(answers)}`);
  for (const name of Object.keys(requests)) expect(answers[name]).toBeGreaterThan(0);
}, 240_000);
