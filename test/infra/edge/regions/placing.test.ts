// Requests over two regions: near first, far if the near one is lost or full, and near again.
import { describe, expect, it } from 'vitest';
import { createNodeEdge, type NodeEdgeOptions } from '../../../../infra/edge/node.ts';
import { afterFile } from '../../../support/after-file.ts';
import { eventually } from '../../../support/process.ts';
import { type Handle, type StandIn, startStandIn } from '../stand-in.ts';

const places = { near: { latitude: 50, longitude: 8 }, far: { latitude: 40, longitude: -74 } };

async function start(options: Partial<NodeEdgeOptions> = {}) {
  const [near, other, far] = [await startStandIn(), await startStandIn(), await startStandIn()];
  const regions = [
    { name: 'far', gateways: [far.url], place: places.far, weight: 1 },
    { name: 'near', gateways: [near.url, other.url], place: places.near, weight: 1 },
  ];
  const edge = createNodeEdge({
    ...{ regions, region: 'near', secret: () => 'k'.repeat(48), log: () => {}, everyMs: 50 },
    ...options,
  });
  afterFile(async () => edge.close());
  await edge.checked;
  const ask = async (headers: Record<string, string> = {}, prompt = 'hi') => {
    const init = {
      method: 'POST',
      body: JSON.stringify({ prompt }),
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

const full: Handle = (_, response) =>
  void response
    .writeHead(429, { 'retry-after': '1', 'content-type': 'application/json' })
    .end('{"error":{}}');

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

  it('is served far if both near gateways are lost in mid-request', async () => {
    const { ask, served, near, other, edge } = await start({ everyMs: 60_000 });
    for (const stand of [near, other]) stand.handle = (_seen, response) => void response.destroy();
    expect((await ask()).status).toBe(200);
    expect(served()).toEqual(['near', 'near', 'far']);
    expect(edge.counts.render()).toMatch(/edge_repeats_total\{region="far",gateway="[^"]+"\} 1\n/);
  });

  it('leaves a region that is full, at most a quarter of the requests once the saved ones are spent', async () => {
    const { ask, served, near, other, far, edge } = await start();
    for (const stand of [near, other]) stand.handle = full;
    const statuses = [];
    for (let i = 0; i < 50; i++) statuses.push((await ask({}, `prompt ${i}`)).status);
    expect(statuses.slice(0, 10)).toEqual(Array(10).fill(200));
    const spilled = statuses.filter((status) => status === 200).length;
    expect(spilled).toBe(10 + Math.floor(50 / 4));
    expect(served().filter((name) => name === 'far')).toHaveLength(spilled);
    expect(edge.counts.get('spills', far.url)).toBe(spilled);
  });

  it('gets the 429 of the last region if all are full', async () => {
    const { ask, near, other, far, served } = await start();
    for (const stand of [near, other, far]) stand.handle = full;
    const answer = await ask();
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([429, '1']);
    expect(served()).toEqual(['near', 'far']);
  });

  it('of a session reaches the same gateway, and this is counted', async () => {
    const { ask, near, other, edge } = await start();
    for (let i = 0; i < 5; i++) await ask({ 'x-session-id': 'one' }, `turn ${i}`);
    expect([near.seen.length, other.seen.length].sort()).toEqual([0, 5]);
    const kept = [near, other].map(({ url }) => edge.counts.get('affinity_kept', url));
    expect(kept.sort()).toEqual([0, 5]);
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
