// Models that only some regions serve.
import { beforeAll, expect, it } from 'vitest';
import { createNodeEdge, type NodeEdge } from '../../../../infra/edge/node.ts';
import { afterFile } from '../../../support/after-file.ts';
import { ADMIN, SECRET, temporaryDatabase } from '../accounts/edge-with-accounts.ts';
import { type StandIn, startStandIn } from '../stand-in.ts';

let near: StandIn;
let far: StandIn;
let edge: NodeEdge;

async function serving(...ids: string[]): Promise<StandIn> {
  const models = ids.map((id) => ({ id, object: 'model', context_length: 2048 }));
  const anthropic = { data: models, has_more: false, first_id: ids[0], last_id: ids.at(-1) };
  return await startStandIn(({ url, headers }, response) => {
    const [, id] = /^\/v1\/models\/(.+)$/.exec(url) ?? [];
    if (id !== undefined) response.writeHead(ids.includes(id) ? 200 : 404);
    const list = headers.has('anthropic-version') ? anthropic : { object: 'list', data: models };
    response.end(JSON.stringify(url === '/v1/models' ? list : { id }));
  });
}

beforeAll(async () => {
  near = await serving('nano', 'near-only');
  far = await serving('nano', 'big');
  edge = createNodeEdge({
    regions: [
      { name: 'near', gateways: [near.url], place: { latitude: 0, longitude: 0 }, weight: 1 },
      { name: 'far', gateways: [far.url], place: { latitude: 0, longitude: 90 }, weight: 1 },
    ],
    ...{ region: 'near', secret: () => SECRET, log: () => {} },
  });
  afterFile(async () => edge.close());
  await edge.checked;
});

const place = { 'x-expertgrid-place': '0,0' };
const get = async (path: string, headers = {}, at = edge) => {
  const answer = await at.fetch(new Request(`http://edge${path}`, { headers: { ...place, ...headers } }));
  return {
    status: answer.status,
    body: (await answer.json()) as { data: { id: string }[]; last_id?: string },
  };
};

it('a request goes to the nearest region that serves its model', async () => {
  for (const model of ['nano', 'big', 'near-only', 'unknown']) {
    await edge.fetch(
      new Request('http://edge/v1/completions', {
        method: 'POST',
        headers: place,
        body: JSON.stringify({ model }),
      }),
    );
  }
  const models = (stand: StandIn) =>
    stand.seen.filter(({ method }) => method === 'POST').map(({ own }) => JSON.parse(own).model);
  expect([models(near), models(far)]).toEqual([['nano', 'near-only', 'unknown'], ['big']]);
});

it('the list has the models of all regions once, in both formats, without those of a region that is lost', async () => {
  const ids = ({ body }: Awaited<ReturnType<typeof get>>) => body.data.map(({ id }) => id);
  expect(ids(await get('/v1/models'))).toEqual(['nano', 'near-only', 'big']);
  const anthropic = await get('/v1/models', { 'anthropic-version': '2023-06-01' });
  expect([ids(anthropic), anthropic.body.last_id]).toEqual([['nano', 'near-only', 'big'], 'big']);
  await far.stop();
  expect(ids(await get('/v1/models'))).toEqual(['nano', 'near-only']);
});

it('one model is asked for in the regions in turn', async () => {
  expect((await get('/v1/models/near-only')).body).toEqual({ id: 'near-only' });
  expect((await get('/v1/models/nothing')).status).not.toBe(200);
});

it('a key sees only the models that it may use', async () => {
  const keyed = createNodeEdge({
    regions: [{ name: 'near', gateways: [near.url], weight: 1 }],
    ...{ region: 'near', secret: () => SECRET, log: () => {} },
    accounts: { database: await temporaryDatabase(), adminSecrets: () => [ADMIN] },
  });
  afterFile(async () => keyed.close());
  await keyed.checked;
  const made = await keyed.fetch(
    new Request('http://edge/admin/keys', {
      method: 'POST',
      headers: { authorization: `Bearer ${ADMIN}` },
      body: JSON.stringify({ name: 'a', models: ['nano', 'big'] }),
    }),
  );
  const { key } = (await made.json()) as { key: string };
  const { body } = await get('/v1/models', { authorization: `Bearer ${key}` }, keyed);
  expect(body.data.map(({ id }) => id)).toEqual(['nano']);
});
