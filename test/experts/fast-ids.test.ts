import { expect, test } from 'vitest';
import { fastCall } from '../support/network/fast-frames.ts';
import { servedModel as model } from './served.ts';
import { callOf, outcomeOf, serve, slowCall, warm } from './served-calls.ts';

const { hidden, experts } = model;
const first = callOf(7, { asks: [0, 1] });
const behind = callOf(8, { layer: 1, asks: [0, 1] });
const many = Array.from({ length: 512 }, (_, i) => [i % 64, i % experts]).flat();
const long = { asks: many, rows: new Float32Array(64 * hidden) };
const longer = [20, 21, 22, 23].map((id) => callOf(id, long));

test.each<[string, Buffer[]]>([
  ['of two calls that the addon serves', [first, behind, callOf(7, { layer: 1 })].map(fastCall)],
  [
    'of a call that the addon serves and one for the handlers',
    [fastCall(first), slowCall(behind), slowCall(first)],
  ],
  // The calls before it take longer than a millisecond, so the addon hands it to the handlers.
  [
    'of a call that the handlers run and a late one that the addon serves',
    [
      ...[...longer, first].map(slowCall),
      ...[callOf(24, long), callOf(25, long), { ...first, deadlineMs: 1, priority: 1 }].map(fastCall),
      ...[30, 31, 32].map((id) => fastCall(callOf(id, { priority: 1 }))),
    ],
  ],
])('an id in use ends the connection: %s', async (_, frames) => {
  const { service, open } = await serve();
  const peer = await open();
  await warm(peer);
  peer.write(Buffer.concat(frames));
  const last = (await peer.rest()).at(-1);
  expect(last).toMatchObject({ method: 'error', params: { message: 'request id 7 is still in use' } });
  await expect.poll(() => service.counts.inFlight).toBe(0);
  const other = await open();
  other.write(fastCall(first));
  expect(outcomeOf(await other.next()).rows).toHaveLength(hidden);
});
