// Exchanges frames with the shard of traffic.ts until it is terminated. It blocks, so it has a thread of its own. Checks that the same
// rows get the same answer every time.
import { once } from 'node:events';
import { parentPort, workerData } from 'node:worker_threads';
import { Exchange, type HopFrame } from '../../../rpc/socket/exchange.ts';
import { openSocketTransport } from '../../../rpc/socket/socket-transport.ts';
import type { Transport } from '../../../rpc/transport.ts';
import { servedModel as model } from '../../experts/served.ts';
import { uniform } from '../../support/random.ts';

const { port, seed } = workerData as { port: number; seed: string };
const next = uniform(Number(seed) + 100);
const below = (limit: number) => Math.floor(next() * limit);
const { hidden, layers, experts } = model;
const x = Float32Array.from({ length: 8 * hidden }, (_, i) => Math.sin(i));
const hello = { protocol: 1, role: 'gateway', version: 'traffic' };
const known = new Map<string, string>();
if (parentPort === null) throw new Error('this file is a worker');
const [done] = (await once(parentPort, 'message')) as [Int32Array];

const open = () => openSocketTransport({ host: '127.0.0.1', port }, { hello });

function frameOn(transport: Transport): HopFrame {
  const line = transport.line?.(next() < 0.5);
  if (line === undefined) throw new Error('the connection has closed');
  const rows = Array.from({ length: 1 + below(4) }, () => below(8));
  const asks = Array.from({ length: 1 + below(4) }, () => [below(rows.length), below(experts)]).flat();
  return { line, priority: next() < 0.5 ? 0 : 1, deadlineMs: 5_000, rows, asks };
}

/** Throws if an answer differs from an earlier one to the same rows. */
function check(layer: number, frames: readonly HopFrame[], exchange: Exchange): void {
  let at = 0;
  for (const [i, { is }] of exchange.outcomes().entries()) {
    const { rows, asks } = frames[i]!;
    for (let ask = 0; ask < asks.length; ask += 2, at += hidden) {
      if (is !== 'answered') continue;
      const question = `${layer} ${rows[asks[ask]!]} ${asks[ask + 1]}`;
      const answer = exchange.answers.subarray(at, at + hidden).join();
      if ((known.get(question) ?? answer) !== answer) throw new Error(`another answer to ${question}`);
      known.set(question, answer);
    }
  }
}

let transport = await open();
for (;;) {
  const layer = below(layers);
  const frames = Array.from({ length: 1 + below(4) }, () => frameOn(transport));
  const hop = { model: model.identity, layer, epoch: 1, x, hidden, frames };
  const exchange = new Exchange(hop);
  if (next() < 0.3) exchange.run(0);
  exchange.run(next() < 0.2 ? 0 : 50 * next());
  check(layer, frames, exchange);
  const late = exchange.outcomes().map((outcome, i) => {
    if (outcome.is !== 'sent') return undefined;
    const options = { deadlineMs: 5_000, ...(next() < 0.2 && { signal: AbortSignal.timeout(1) }) };
    return frames[i]!.line.answerTo(outcome.id, 'expert.run', options).catch(() => {}); // busy, not held, cancelled
  });
  if (next() < 0.5) await Promise.all(late);
  if (next() < 0.05) {
    transport.close();
    transport = await open();
  }
  Atomics.add(done, 0, 1);
}
