// The routes in an answer (the experts of each token) in one process and over shards, streamed or not.
import { expect, it } from 'vitest';
import { tinyBundle } from '../../support/models/tiny-bundle.ts';
import { type Gateway, post, startUp } from '../gateway.ts';

const ask = {
  prompt: ['It was a fine morning, and', 'a'],
  max_tokens: 20,
  temperature: 0.8,
  seed: 5,
  expertgrid: { routes: true },
};

interface Told {
  choices: { index: number; text: string }[];
  /** `[choices][tokens][layers][k]`. In a chunk: `[tokens][layers][k]`. */
  expertgrid?: { routes?: number[][][] & number[][][][] };
}

async function whole(gateway: Gateway): Promise<Told> {
  return (await (await post(gateway, ask)).json()) as Told;
}

async function streamed(gateway: Gateway): Promise<unknown[]> {
  const text = await (await post(gateway, { ...ask, stream: true })).text();
  const routes: number[][][][] = [[], []];
  for (const event of text.split('\n\n')) {
    if (!event.startsWith('data: {')) continue;
    const { choices, expertgrid }: Told = JSON.parse(event.slice('data: '.length));
    routes[choices[0]!.index]!.push(...(expertgrid?.routes ?? []));
  }
  return routes;
}

it('routes are the same in one process and over shards, streamed or not', async () => {
  const bundle = await tinyBundle();
  const alone = await startUp(bundle, ['--in-process']);
  const sharded = await startUp(bundle, ['--shards', '2']);
  const [one, many] = [await whole(alone), await whole(sharded)];
  expect(many.choices).toEqual(one.choices);
  expect(many.expertgrid).toEqual(one.expertgrid);
  const routes = one.expertgrid?.routes ?? [];
  expect(routes.map((tokens) => tokens.length)).toEqual([20, 20]);
  expect(routes.flat().every((route) => route.length === 3)).toBe(true);
  expect(await streamed(sharded)).toEqual(routes);
  for (const { process } of [alone, sharded]) {
    process.signal('SIGTERM');
    await process.exit;
  }
});
