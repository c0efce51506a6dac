// A stream that is cut anywhere and continued by another gateway has the events of the stream that was not cut.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { uniform } from '../../../../gateway/engine/sampling/random.ts';
import type { StreamRecord } from '../../../../resume/record.ts';
import { type NanoGateway, requests, startNanoGateway } from '../../../support/resume/room.ts';
import {
  type Block,
  blocksOf,
  recordOf,
  type SignedOptions,
  signedRequest,
} from '../../../support/resume/signed.ts';

/** Places at which each stream is cut. */
const CUTS = 4;

let first: NanoGateway;
let second: NanoGateway;

beforeAll(async () => {
  first = await startNanoGateway();
  second = await startNanoGateway();
});
afterAll(async () => {
  await first.close();
  await second.close();
});

async function ask({ app }: NanoGateway, options: SignedOptions): Promise<{ status: number; text: string }> {
  const response = await app.fetch(signedRequest(options));
  return { status: response.status, text: await response.text() };
}

async function blocks(gateway: NanoGateway, options: SignedOptions): Promise<Block[]> {
  const { status, text } = await ask(gateway, options);
  expect([status, status === 200 ? '' : text]).toEqual([200, '']);
  return blocksOf(text);
}

/** The parsed events by choice, without what may differ: the number of cached tokens, and the time of the end. */
function eventsByChoice(all: readonly Block[]): Map<unknown, unknown[]> {
  const values = all.flatMap(({ event }) => {
    const data = event.split('\n').find((line) => line.startsWith('data: '));
    if (data === undefined) return [];
    const json = data.slice('data: '.length);
    return [
      json === '[DONE]' ? json : JSON.parse(json, (key, value) => (varies.has(key) ? 'varies' : value)),
    ];
  });
  return Map.groupBy(values, (value) => value.choices?.[0]?.index ?? 'none');
}

const varies = new Set(['cached_tokens', 'cache_read_input_tokens', 'input_tokens', 'completed_at']);

describe.each(requests)('$name', ({ name, path, body }) => {
  const whole = { model: 'nano', ...body, stream: true };
  const draw = (most: number, i: number) => Math.floor(uniform(name.length * 31 + i, 0, i) * (most + 1));

  test(`continues after ${CUTS} cuts, and after a cut of what continues`, async () => {
    const undisturbed = await blocks(first, { path, body: whole });
    const expected = eventsByChoice(undisturbed);
    const places = [
      1,
      undisturbed.length - 1,
      ...Array.from({ length: CUTS - 2 }, (_, i) => draw(undisturbed.length - 1, i)),
    ];
    for (const cut of places.filter((place) => place > 0)) {
      const before = undisturbed.slice(0, cut);
      const rest = await blocks(second, { path, body: whole, record: required(recordOf(before)) });
      expect([cut, eventsByChoice([...before, ...rest])]).toEqual([cut, expected]);
      const again = rest.slice(0, draw(rest.length - 1, cut));
      const record = required(recordOf(again, recordOf(before)));
      const last = await blocks(first, { path, body: whole, record });
      expect([cut, again.length, eventsByChoice([...before, ...again, ...last])]).toEqual([
        cut,
        again.length,
        expected,
      ]);
    }
  });
});

function required(record: StreamRecord | undefined): StreamRecord {
  if (record === undefined) throw new Error('the stream has no record');
  return record;
}
