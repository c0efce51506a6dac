// A stream keeps the number of experts per token with which it began, whatever the default of the gateway that continues it.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ExpertSettings } from '../../../../gateway/api/requests/expert-settings.ts';
import { nanoConfig } from '../../../support/models/nano.ts';
import { type NanoGateway, startNanoGateway } from '../../../support/resume/room.ts';
import { blocksOf, recordOf, type SignedOptions, signedRequest } from '../../../support/resume/signed.ts';

const { expertsPerToken } = await nanoConfig();
const layers = expertsPerToken.length;
const defaults: readonly (ExpertSettings | undefined)[] = [
  undefined,
  { experts_per_token: 2 },
  { expert_budget: 2 * layers, expert_policy: 'unsure' },
];
const gateways: NanoGateway[] = [];
beforeAll(async () => {
  for (const experts of defaults) gateways.push(await startNanoGateway({}, experts && { experts }));
});
afterAll(async () => {
  for (const { close } of gateways) await close();
});

/** Blocks of the stream before which it is cut. */
const CUT = 7;

const body = {
  ...{ model: 'nano', prompt: 'Once upon a time', max_tokens: 14, temperature: 0.8, seed: 1, stream: true },
  ...{ ignore_eos: true, logprobs: 0 },
};

async function stream(gateway: number, options: Partial<SignedOptions> & { body: object }) {
  const response = await gateways[gateway]!.app.fetch(signedRequest({ path: '/v1/completions', ...options }));
  const text = await response.text();
  expect([response.status, response.status === 200 ? '' : text]).toEqual([200, '']);
  return blocksOf(text);
}

interface Chunk {
  choices: { text: string; logprobs: { token_logprobs: number[] } | null }[];
}

/** The text and the log-probabilities of the blocks' events. The latter differ whenever the experts do. */
function told(blocks: ReturnType<typeof blocksOf>): unknown[] {
  const data = blocks.map(({ event }) => event.replace(/^data: /, '')).filter((json) => json !== '[DONE]');
  const choices = data.flatMap((json) => (JSON.parse(json) as Chunk).choices);
  const logprobs = choices.flatMap(({ logprobs: each }) => each?.token_logprobs ?? []);
  return [choices.map(({ text }) => text).join(''), ...logprobs];
}

async function continues(from: number, to: number, asked: object): Promise<unknown[]> {
  const request = { body: { ...body, ...asked } };
  const whole = await stream(from, request);
  const record = recordOf(whole.slice(0, CUT));
  const rest = await stream(to, { ...request, ...(record && { record }) });
  expect(rest.length).toBe(whole.length - CUT);
  expect(told([...whole.slice(0, CUT), ...rest])).toEqual(told(whole));
  expect(told(whole)).toHaveLength(1 + body.max_tokens);
  return told(whole);
}

test.each([
  [0, 1],
  [1, 0],
  [1, 2],
  [2, 0],
])('a request without settings keeps the default of gateway %i on gateway %i', async (from, to) => {
  const answer = await continues(from, to, {});
  const own = defaults[from] ?? { experts_per_token: expertsPerToken };
  // Every gateway gives this answer if the request has the settings itself.
  expect(told(await stream(to, { body: { ...body, expertgrid: own } }))).toEqual(answer);
});

test('a request keeps its own settings on a gateway with another default', async () => {
  const answers = [
    await continues(1, 2, {
      expertgrid: { experts_per_token: expertsPerToken.map((k, layer) => k + (layer % 2)) },
    }),
    await continues(2, 1, { expertgrid: { expert_budget: 3 * layers } }),
    await continues(1, 0, {}),
    await continues(0, 1, {}),
  ];
  expect(new Set(answers.map(String)).size).toBe(answers.length);
});

test('a stream that moves twice keeps the default of its first gateway', async () => {
  const whole = await stream(1, { body });
  const once = await stream(2, { body, ...recorded(whole.slice(0, 4)) });
  const twice = await stream(0, { body, ...recorded([...whole.slice(0, 4), ...once.slice(0, 4)]) });
  expect(told([...whole.slice(0, 4), ...once.slice(0, 4), ...twice])).toEqual(told(whole));
});

function recorded(blocks: ReturnType<typeof blocksOf>) {
  const record = recordOf(blocks);
  return record === undefined ? {} : { record };
}
