// Requests over two regions: near first, and far while the near one is full or lost. The same cases run on Node and in the Worker.
import { beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../support/process.ts';
import { answerWithUsage, type Json } from '../accounts/edge-with-accounts.ts';
import type { StandIn } from '../stand-in.ts';
import { answerWith, type Front, loseConnection, type OpenFront, openFront } from './front.ts';

/** A Worker knows the place of its caller by itself; on Node, the header states one. One of the poles is nearer to each of them. */
const poles = [
  { name: 'north', place: { latitude: 90, longitude: 0 } },
  { name: 'south', place: { latitude: -90, longitude: 0 } },
];
const stated = { 'x-expertgrid-place': '48.9,2.4' };

const full = answerWith(429, { 'retry-after': '7' });

interface Side {
  name: string;
  gateways: StandIn[];
}

export function regionCases(open: OpenFront): void {
  let front: Front;
  let near: Side;
  let far: Side;
  beforeAll(async () => {
    front = await openFront(open, { regions: poles, gatewaysEach: 2 });
    expect((await post('any')).status).toBe(200);
    const { gateways } = front;
    const sides = poles.map(({ name }, i) => ({ name, gateways: gateways.slice(2 * i, 2 * i + 2) }));
    if (front.posts(gateways[2]).length + front.posts(gateways[3]).length > 0) sides.reverse();
    [near, far] = sides as [Side, Side];
  });

  const post = (session: string, key?: string) =>
    front.post({ headers: { ...stated, 'x-session-id': session }, ...(key !== undefined && { key }) });

  const handle = (side: Side, handler: StandIn['handle']) => {
    for (const gateway of side.gateways) gateway.handle = handler;
  };

  /** Numbers of the requests that the near region and the far region have got since the last call. */
  function servedBySide(): [number, number] {
    const served = front.served();
    const of = ({ gateways }: Side) => gateways.reduce((sum, each) => sum + (served.get(each) ?? 0), 0);
    return [of(near), of(far)];
  }

  /** Sends requests that the near region serves. Four of them allow one more spill. */
  async function earnSpills(count: number): Promise<void> {
    handle(near, answerWithUsage);
    for (let i = 0; i < 4 * count; i++) expect((await post(`calm ${i}`)).status).toBe(200);
    servedBySide();
  }

  it('a request goes to the nearest region, whatever its session is', async () => {
    servedBySide();
    for (let i = 0; i < 12; i++) expect((await post(`session ${i}`)).status).toBe(200);
    expect(servedBySide()).toEqual([12, 0]);
  });

  describe('a region that is full', () => {
    it('is left by ten requests that were saved, and after that by a quarter of all requests', async () => {
      handle(near, full);
      const statuses: number[] = [];
      for (let i = 0; i < 50; i++) statuses.push((await post(`session ${i}`)).status);
      const spilled = statuses.filter((each) => each === 200).length;
      expect(statuses.slice(0, 10)).toEqual(Array(10).fill(200));
      expect(statuses.filter((each) => each === 429)).toHaveLength(50 - spilled);
      expect(spilled).toBe(10 + Math.floor(50 / 4));
      expect(servedBySide()).toEqual([50, spilled]);
      const states = await front.states();
      expect(far.gateways.reduce((sum, each) => sum + states.get(each).counts.spills, 0)).toBe(spilled);
    });

    it('is not left by a key that may use no other region', async () => {
      await earnSpills(2);
      handle(near, full);
      const key = await front.createKey({ name: 'homely', regions: [near.name] });
      const answer = await post('any', key);
      expect([answer.status, answer.headers.get('retry-after')]).toEqual([429, '7']);
      expect(servedBySide()).toEqual([1, 0]);
    });

    it('is named in no row of usage, but the region that has served is', async () => {
      await earnSpills(2);
      handle(near, full);
      const key = await front.createKey({ name: 'traveller' });
      expect((await post('any', key)).status).toBe(200);
      const rows = await eventually(async () => {
        const { usage } = (await (await front.fetch('/usage?by=request', { key })).json()) as Json;
        return usage.length > 0 && usage;
      });
      expect(rows).toEqual([expect.objectContaining({ regions: far.name, status: 200, estimated: 0 })]);
    });

    it('gives its 429 to the client if the other regions are full as well', async () => {
      await earnSpills(2);
      handle(near, full);
      handle(far, answerWith(429, { 'retry-after': '9' }));
      const answer = await post('any');
      handle(far, answerWithUsage);
      expect([answer.status, answer.headers.get('retry-after')]).toEqual([429, '9']);
      expect(servedBySide()).toEqual([1, 1]);
    });
  });

  it('a region that is lost is replaced by the next one until it is back', async () => {
    await earnSpills(1);
    handle(near, loseConnection);
    expect((await post('any')).status).toBe(200);
    expect(servedBySide()).toEqual([2, 1]);
    handle(near, answerWithUsage);
    await eventually(async () => {
      expect((await post('any')).status).toBe(200);
      return servedBySide()[0] > 0;
    });
  });
}
