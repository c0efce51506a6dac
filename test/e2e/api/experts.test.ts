// How many experts a token uses, set by flags and by requests of OpenAI's client: over shards and in one process.
import OpenAI, { BadRequestError } from 'openai';
import { beforeAll, expect, it } from 'vitest';
import { nanoConfig } from '../../support/models/nano.ts';
import { startCli } from '../../support/process.ts';
import { complete, type Gateway, startUp } from '../gateway.ts';

let here: Gateway;
let sharded: Gateway;
let client: OpenAI;
beforeAll(async () => {
  [here, sharded] = await Promise.all([
    startUp('nano', ['--in-process', '--context', '256']),
    startUp('nano', ['--shards', '3', '--context', '256', ...flags]),
  ]);
  client = new OpenAI({ baseURL: `${sharded.url}/v1`, apiKey: 'none', maxRetries: 0 });
});

const asked = { prompt: 'The old man sat by the sea', max_tokens: 8, seed: 3, temperature: 0.7 };
const { experts, expertsPerToken } = await nanoConfig();
const layers = expertsPerToken.length;
const range = `This model takes ${layers} to ${layers * experts}.`;
const budget = 2 * layers;
const flags = ['--expert-budget', `${budget}`, '--expert-policy', 'unsure'];
const settings = [
  { experts_per_token: 2 },
  { experts_per_token: expertsPerToken.map((k, layer) => k + (layer % 3)) },
  { expert_budget: 2 * layers - 1 },
  { expert_budget: layers + 1, expert_policy: 'unsure' },
];

it('each setting gives the same bits over shards and in one process, and the flags count if a request has none', async () => {
  const told = new Set<string>();
  const ask = async (gateway: Gateway, expertgrid: object) => {
    const { choices, expertgrid: own } = await complete(gateway, { ...asked, expertgrid });
    return JSON.stringify([choices.map(({ text }) => text), own.digests]);
  };
  for (const expertgrid of settings) {
    const answer = await ask(here, { ...expertgrid, digests: true });
    expect(await ask(sharded, { ...expertgrid, digests: true })).toBe(answer);
    told.add(answer);
  }
  expect(told.size).toBe(settings.length);
  const byFlags = await ask(sharded, { digests: true });
  expect(byFlags).toBe(await ask(here, { expert_budget: budget, expert_policy: 'unsure', digests: true }));
  const ofCheckpoint = await ask(here, { digests: true });
  expect(ofCheckpoint).not.toBe(byFlags);
  expect(ofCheckpoint).toBe(await ask(sharded, { experts_per_token: expertsPerToken, digests: true }));
});

it('GET /v1/models says which numbers a request may set, and what the flags set', async () => {
  const listed = (await (await fetch(`${sharded.url}/v1/models`)).json()) as {
    data: { expertgrid: object }[];
  };
  expect(listed.data[0]?.expertgrid).toMatchObject({
    ...{ experts_per_token: expertsPerToken, least_experts_per_token: 1, most_experts_per_token: experts },
    default: { expert_budget: budget, expert_policy: 'unsure' },
  });
});

it("OpenAI's client gets the number of calls, whole and streamed, and an error that names the field and its range", async () => {
  type Usage = OpenAI.CompletionUsage & { expert_calls?: number };
  const params = { model: sharded.model, ...asked, cache_salt: 'calls' } as const;
  const extra = { expertgrid: { experts_per_token: 4 } };
  const whole = await client.completions.create({ ...params, ...extra, seed: 4, n: 2 });
  const { prompt_tokens, completion_tokens } = whole.usage as Usage;
  const computed = (choices: number) => prompt_tokens + completion_tokens - choices;
  // Each choice has one token that is not computed. Drafts may add calls.
  expect((whole.usage as Usage).expert_calls).toBeGreaterThanOrEqual(4 * layers * computed(2));
  const chat = await client.chat.completions.create({
    ...{ model: sharded.model, messages: [{ role: 'user', content: 'Good morning.' }], max_tokens: 6 },
    ...{ stream: true, stream_options: { include_usage: true }, ...extra },
  });
  let usage: Usage | undefined;
  for await (const chunk of chat) usage = chunk.usage ?? usage;
  expect(usage?.expert_calls).toBeGreaterThanOrEqual(
    4 * layers * (usage!.prompt_tokens - (usage!.prompt_tokens_details?.cached_tokens ?? 0)),
  );
  const refused = await client.completions
    .create({ ...params, ...{ expertgrid: { expert_budget: layers - 1 } } })
    .catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(BadRequestError);
  const { param, message } = refused as BadRequestError;
  expect([param, message]).toEqual(['expertgrid.expert_budget', expect.stringContaining(range)]);
});

it('a flag that the model does not take ends the start with one line', async () => {
  const started = startCli(['up', '--in-process', '--port', '0', '--expert-budget', `${layers - 1}`]);
  expect((await started.exit).code).not.toBe(0);
  expect(started.stderr.trim()).toBe(
    "expertgrid: --expert-budget for nano: Invalid '--expert-budget': integer below minimum value. " +
      `Expected a value >= ${layers}, but got ${layers - 1} instead. ${range}`,
  );
});
