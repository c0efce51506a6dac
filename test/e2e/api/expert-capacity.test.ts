// Capacities of experts and prototypes through HTTP: a gateway with all experts in its process, and one with three shards.
import { beforeAll, expect, it } from 'vitest';
import { requireShape } from '../../gateway/api/clients/openai-shapes.ts';
import { tinyBundle } from '../../support/models/tiny-bundle.ts';
import { type Gateway, startUp } from '../gateway.ts';

const prompt = 'The old man sat by the sea and looked at the waves until it was dark.';
const [experts, prototypes, layers] = [12, 3, 2];

let gateways: Gateway[];
beforeAll(async () => {
  const bundle = await tinyBundle({ experts, prototypes, layers });
  gateways = await Promise.all([startUp(bundle, ['--in-process']), startUp(bundle, ['--shards', '3'])]);
});

interface Answer {
  choices: { text: string; logprobs: { token_logprobs: (number | null)[] } | null }[];
  usage: {
    prompt_tokens: number;
    expert_calls?: number;
    dropped_expert_calls?: number;
    prompt_tokens_details: { cached_tokens: number };
  };
  expertgrid: { digests: string[][]; routes: number[][][][] };
}

function post({ url, model }: Gateway, expertgrid: object, fields: object = {}): Promise<Response> {
  const asked = { model, prompt, max_tokens: 8, temperature: 0, ...fields };
  const body = JSON.stringify({ ...asked, expertgrid: { digests: true, routes: true, ...expertgrid } });
  const headers = { 'content-type': 'application/json' };
  return fetch(`${url}/v1/completions`, { method: 'POST', headers, body });
}

async function ask(gateway: Gateway, expertgrid: object = {}, fields: object = {}): Promise<Answer> {
  const response = await post(gateway, expertgrid, fields);
  const answer = (await response.json()) as Answer;
  expect(response.status, JSON.stringify(answer)).toBe(200);
  requireShape(answer);
  return answer;
}

it('both gateways give the same bits, with a capacity and without one', async () => {
  for (const expertgrid of [{}, { expert_capacity: 0.5 }]) {
    const [alone, spread] = await Promise.all(gateways.map((gateway) => ask(gateway, expertgrid)));
    expect(spread?.expertgrid.digests).toEqual(alone?.expertgrid.digests);
    expect(spread?.expertgrid.routes).toEqual(alone?.expertgrid.routes);
    expect(spread?.usage).toEqual(alone?.usage);
  }
});

it('each token uses one expert of every prototype, and no other number can be asked for', async () => {
  const { routes } = (await ask(gateways[1]!)).expertgrid;
  const groups = (routes[0] ?? []).flat().map((ofLayer) => ofLayer.map((expert) => Math.floor(expert / 4)));
  expect(groups).toEqual(new Array(8 * layers).fill([0, 1, 2]));
  const response = await post(gateways[1]!, { experts_per_token: 2 });
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({ error: { param: 'expertgrid.experts_per_token' } });
});

it('usage counts the dropped calls of the prompt once, and nothing is dropped or counted without a capacity', async () => {
  const [gateway] = gateways as [Gateway];
  const free = await ask(gateway);
  expect(free.usage.dropped_expert_calls).toBeUndefined();
  const limited = await ask(gateway, { expert_capacity: 0.5 });
  const { dropped_expert_calls: dropped = 0, prompt_tokens: tokens } = limited.usage;
  // Half of all calls of the prompt at least: experts take half of an even share at most.
  expect(dropped).toBeGreaterThan((tokens * prototypes * layers) / 3);
  expect(limited.expertgrid.digests).not.toEqual(free.expertgrid.digests);
  const again = await ask(gateway, { expert_capacity: 0.5 }, { n: 3 });
  expect(again.usage.dropped_expert_calls).toBe(dropped);
  expect(again.usage.prompt_tokens_details.cached_tokens).toBe(0);
  expect(again.expertgrid.digests).toEqual(new Array(3).fill(limited.expertgrid.digests[0]));
  const two = await ask(gateway, { expert_capacity: 0.5 }, { prompt: [prompt, prompt] });
  expect(two.usage.dropped_expert_calls).toBe(2 * dropped);
  const roomy = await ask(gateway, { expert_capacity: 1000 });
  expect(roomy.usage.dropped_expert_calls).toBe(0);
  expect(roomy.expertgrid.digests).toEqual(free.expertgrid.digests);
});

it('a stream and an echoed prompt have the same drops', async () => {
  const [gateway] = gateways as [Gateway];
  const limited = await ask(gateway, { expert_capacity: 0.5 });
  const stream = await post(
    gateway,
    { expert_capacity: 0.5 },
    { stream: true, stream_options: { include_usage: true } },
  );
  const events = (await stream.text()).split('\n\n').filter((event) => event.startsWith('data: {'));
  const last = JSON.parse(events.at(-1)?.slice('data: '.length) ?? '') as Pick<Answer, 'usage'>;
  expect(last.usage).toEqual(limited.usage);
  const score = (expertgrid: object) => {
    return ask(gateway, expertgrid, { echo: true, logprobs: 0, max_tokens: 0 });
  };
  const [scored, free] = [await score({ expert_capacity: 0.5 }), await score({})];
  expect(scored.usage.dropped_expert_calls).toBe(limited.usage.dropped_expert_calls);
  expect(scored.choices[0]?.text).toBe(prompt);
  expect(scored.choices[0]?.logprobs?.token_logprobs).not.toEqual(free.choices[0]?.logprobs?.token_logprobs);
});

it('chats, responses and messages take the field, too, and a wrong one is named', async () => {
  const { url, model } = gateways[0]!;
  const messages = [{ role: 'user', content: prompt }];
  const asked: [string, object][] = [
    ['/v1/chat/completions', { messages, max_tokens: 2 }],
    ['/v1/responses', { input: prompt, max_output_tokens: 2 }],
    ['/v1/messages', { messages, max_tokens: 2 }],
  ];
  const send = (path: string, fields: object, expert_capacity: unknown) =>
    fetch(`${url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model, ...fields, expertgrid: { expert_capacity } }),
    });
  for (const [path, fields] of asked) {
    const answer = await send(path, fields, 0.5);
    expect(answer.status, path).toBe(200);
    expect(JSON.stringify(await answer.json()), path).toMatch(/"dropped_expert_calls":[1-9]/);
    for (const wrong of [0, -1, 'much']) {
      const refused = await send(path, fields, wrong);
      expect(refused.status, path).toBe(400);
      expect(JSON.stringify(await refused.json())).toContain('expertgrid.expert_capacity');
    }
  }
});
