// The shard's server in C computes experts with biases and another activation as `experts` does.
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { fastCall } from '../../support/network/fast-frames.ts';
import { draw, firstDifference, kernels, matrix } from '../support.ts';

const [hidden, inner] = [64, 40];
const clamp = { alpha: 1.702, limit: 0.7 };
const forms = [
  undefined,
  { downBias: draw(1, hidden) },
  { gateBias: draw(2, inner), upBias: draw(3, inner), downBias: draw(4, hidden), clamp },
];

test('a served call gives the bits of `experts`, whatever form its experts have', async () => {
  const experts = forms.map((form, i) =>
    kernels.expert(
      matrix(3 * i, inner, hidden, 4).handle,
      matrix(3 * i + 1, inner, hidden, 8).handle,
      matrix(3 * i + 2, hidden, inner, 4).handle,
      form,
    ),
  );
  const serving = kernels.serving(512, 16_384, 1_024, 100_000, 16);
  const model = kernels.serveModel(serving, 'm', 1, experts.length, hidden, 64, 64);
  for (const [i, expert] of experts.entries()) kernels.serveUnit(serving, model, 0, i, expert);

  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const peer = connect((server.address() as AddressInfo).port, '127.0.0.1');
  onTestFinished(() => void peer.destroy());
  const [socket] = await once(server, 'connection');
  server.close();
  const events = { onBytes() {}, onFrame() {}, onClosed() {} };
  const wire = kernels.openWire(socket._handle.fd, 1_000_000, events);
  if (wire === undefined) throw new Error('the socket cannot be watched');
  socket.destroy();
  onTestFinished(() => kernels.closeWire(wire));
  kernels.serveWire(wire, serving);

  const rows = draw(5, 2 * hidden);
  const asks = [0, 2, 1, 0, 1, 1, 1, 2];
  const call = { id: 1, model: 'm', layer: 0, priority: 0, epoch: 1, deadlineMs: 60_000 };
  peer.write(fastCall({ ...call, asks, rows }));
  let answer = Buffer.alloc(0);
  while (answer.length < 4 || answer.length < 4 + answer.readUInt32BE(0)) {
    const [bytes] = await once(peer, 'data');
    answer = Buffer.concat([answer, bytes]);
  }
  const size = 4 * hidden * 4;
  const served = new Float32Array(Uint8Array.from(answer.subarray(answer.length - size)).buffer);

  const expected = new Float32Array(4 * hidden);
  for (let i = 0; i < 4; i++) {
    const x = rows.subarray(asks[2 * i]! * hidden);
    const y = expected.subarray(i * hidden, (i + 1) * hidden);
    kernels.experts(x, [experts[asks[2 * i + 1]!]!], Int32Array.of(1), y);
  }
  expect(firstDifference(served, expected)).toBeUndefined();
});
