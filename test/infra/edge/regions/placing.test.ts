// What only the edge on Node does over two regions: it asks how far and how ready they are. The rest is in hosts/regions.cases.ts.
import { describe, expect, it } from 'vitest';
import { createNodeEdge } from '../../../../infra/edge/node.ts';
import { afterFile } from '../../../support/after-file.ts';
import { eventually } from '../../../support/process.ts';
import { type StandIn, startStandIn } from '../stand-in.ts';

const places = { near: { latitude: 50, longitude: 8 }, far: { latitude: 40, longitude: -74 } };

async function start() {
  const [near, other, far] = [await startStandIn(), await startStandIn(), await startStandIn()];
  const regions = [
    { name: 'far', gateways: [far.url], place: places.far, weight: 1 },
    { name: 'near', gateways: [near.url, other.url], place: places.near, weight: 1 },
  ];
  const secret = () => 'k'.repeat(48);
  const edge = createNodeEdge({ regions, region: 'near', secret, log: () => {}, everyMs: 50 });
  afterFile(async () => edge.close());
  await edge.checked;
  const ask = async (headers: Record<string, string> = {}) => {
    const init = {
      method: 'POST',
      body: '{"prompt":"hi"}',
      headers: { 'x-expertgrid-place': '48.9,2.4', ...headers },
    };
    const answer = await edge.fetch(new Request('http://edge/v1/completions', init));
    await answer.text();
    return answer;
  };
  /** Names of the regions that have got a request since the last call. */
  const served = () => {
    const of = (name: string, stands: StandIn[]) =>
      stands.flatMap(({ seen }) => seen.splice(0).map(() => name));
    return [...of('near', [near, other]), ...of('far', [far])];
  };
  return { edge, near, other, far, ask, served };
}

describe('a request', () => {
  it('goes to the region that is nearest to the place that it states', async () => {
    const { ask, served, far } = await start();
    await ask();
    expect(served()).toEqual(['near']);
    await ask({ 'x-expertgrid-place': '40,-80' });
    const [seen] = far.seen;
    expect(seen?.headers.has('x-expertgrid-place')).toBe(false);
    expect(served()).toEqual(['far']);
  });

  it('is served far while the near region is not ready, and near again as soon as it is', async () => {
    const { ask, served, near, other } = await start();
    for (const stand of [near, other]) stand.ready = 503;
    await eventually(async () => {
      await ask();
      return served().includes('far');
    });
    for (const stand of [near, other]) stand.ready = 200;
    await eventually(async () => {
      await ask();
      return served().includes('near');
    });
  });
});

it('/health/ready tells the healthy gateways of each region', async () => {
  const { edge, other } = await start();
  other.ready = 503;
  await eventually(async () => {
    const answer = await edge.fetch(new Request('http://edge/health/ready'));
    const { regions } = (await answer.json()) as { regions: object };
    return JSON.stringify(regions) === '{"far":{"healthy":1,"all":1},"near":{"healthy":1,"all":2}}';
  });
});
