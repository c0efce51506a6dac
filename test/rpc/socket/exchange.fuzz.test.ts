// Exchanges frames with a peer that sends broken answers, hangs up, or does not answer.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, onTestFinished, test } from 'vitest';
import { parseRunAnswer } from '../../../experts/wire/run.ts';
import { RpcError } from '../../../rpc/errors.ts';
import { Exchange, type HopFrame } from '../../../rpc/socket/exchange.ts';
import { openSocketTransport } from '../../../rpc/socket/socket-transport.ts';
import type { Line, Transport } from '../../../rpc/transport.ts';
import { uniform } from '../../support/random.ts';
import { behaviours, HIDDEN } from './exchange-peer.ts';

const exchanges = 10_000;
const layer = behaviours.length - 1;
const x = Float32Array.from({ length: 6 * HIDDEN }, (_, i) => Math.sin(i + 1));

function rightAnswer({ rows, asks }: HopFrame): number[] {
  return asks.flatMap((index, i) => {
    if (i % 2 === 1) return [];
    const row = x.subarray(rows[index]! * HIDDEN, (rows[index]! + 1) * HIDDEN);
    return Array.from(row, (value) => Math.fround(value * (1 + asks[i + 1]!)));
  });
}

/** Waits for a late answer. Undefined if the call has failed, which every failure must say with an RpcError. */
async function lateAnswer(line: Line, id: number, { asks }: HopFrame): Promise<number[] | undefined> {
  try {
    const value = await line.answerTo(id, 'expert.run', { deadlineMs: 80 });
    const { rows } = parseRunAnswer(value, asks.length / 2, HIDDEN);
    return rows.every(Number.isFinite) ? [...rows] : undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(RpcError);
    return undefined;
  }
}

test(`each call of ${exchanges} exchanges gets the right answer or fails, whatever the peer sends`, async () => {
  const worker = new Worker(new URL('./exchange-peer.ts', import.meta.url));
  onTestFinished(async () => void (await worker.terminate()));
  const [address] = await once(worker, 'message');
  const open = () => openSocketTransport(address, { hello: { protocol: 1 } });
  const next = uniform(17);
  const below = (limit: number) => Math.floor(next() * limit);
  const counts = { answered: 0, late: 0, failed: 0, lost: 0 };
  let transport: Transport = await open();
  for (let turn = 0; turn < exchanges; turn++) {
    const lines = [transport.line?.(false), transport.line?.(true)].filter((line) => line !== undefined);
    if (lines.length < 2) {
      counts.lost++;
      transport = await open();
      continue;
    }
    const frames = Array.from({ length: 1 + below(3) }, (): HopFrame => {
      const rows = Array.from({ length: 1 + below(4) }, () => below(6));
      const asks = Array.from({ length: 1 + below(4) }, () => [below(rows.length), below(9)]).flat();
      return { line: lines[below(2)]!, priority: 0, deadlineMs: 80, rows, asks };
    });
    const exchange = new Exchange({ model: 'm', layer, epoch: 1, x, hidden: HIDDEN, frames });
    exchange.run(1);
    let at = 0;
    const ended = exchange.outcomes().map(async (outcome, i) => {
      const frame = frames[i]!;
      const from = at;
      at += (frame.asks.length / 2) * HIDDEN;
      const own = exchange.answers.subarray(from, at);
      if (outcome.is === 'not_sent') {
        const ping = transport.call('ping', {}, { deadlineMs: 80, bulk: frame.line === lines[1] });
        await ping.catch(() => transport.close()); // the peer has announced a frame that does not end
        return;
      }
      const answer = outcome.is === 'answered' ? [...own] : await lateAnswer(frame.line, outcome.id, frame);
      if (answer === undefined) counts.failed++;
      else {
        expect(answer).toEqual(rightAnswer(frame));
        counts[outcome.is === 'answered' ? 'answered' : 'late']++;
      }
    });
    await Promise.all(ended);
  }
  transport.close();
  expect(Math.min(...Object.values(counts))).toBeGreaterThan(exchanges / 50);
});
