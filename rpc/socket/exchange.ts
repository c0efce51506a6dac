// The gateway's side of a hop without an event loop: the addon sends the frames of a layer, waits for the answers, and copies them
// out. Frames whose answers did not come in that time are awaited like any other call.
import { kernels } from '../../kernels/kernels.ts';
import { frameStates, MOST_EXCHANGED, MOST_IDENTITY_BYTES, planFields } from '../../kernels/wires.ts';
import type { Line } from '../transport.ts';

export interface HopFrame {
  line: Line;
  /** 0: decode rows; 1: prefill rows. */
  priority: 0 | 1;
  deadlineMs: number;
  /** Rows of `x`. */
  rows: readonly number[];
  /** Pairs (index into `rows`, expert). */
  asks: readonly number[];
}

export interface Hop {
  /** Identity of the model. */
  model: string;
  layer: number;
  epoch: number;
  /** `[rows, hidden]` */
  x: Float32Array;
  hidden: number;
  frames: readonly HopFrame[];
  /** Longest time to wait for answers. */
  waitMs: number;
}

export interface Exchanged {
  /** `[asks of all frames, hidden]`, frame after frame. */
  answers: Float32Array;
  /** For each frame: its answers stand in `answers`; it was sent under this id; or it was not sent. */
  outcomes: ({ is: 'answered' } | { is: 'sent'; id: number } | { is: 'not_sent' })[];
  /** How long this thread slept. */
  sleptMs: number;
}

const HEAD = planFields.length;
const STATE = planFields.indexOf('state');

/** Whether `exchange` takes such a hop. */
export function canExchange(frames: number, model: string): boolean {
  return frames <= MOST_EXCHANGED && Buffer.byteLength(model) <= MOST_IDENTITY_BYTES;
}

export function exchange({ model, layer, epoch, x, hidden, frames, waitMs }: Hop): Exchanged {
  if (kernels === undefined) throw new Error('there are no kernels to exchange frames');
  const plan = planOf(frames);
  const asks = frames.reduce((sum, frame) => sum + frame.asks.length / 2, 0);
  const answers = new Float32Array(asks * hidden);
  const wires = frames.map(({ line }) => line.wire);
  const waitUs = Math.max(0, Math.round(1_000 * waitMs));
  const sleptUs = kernels.exchange(wires, plan, x, hidden, layer, epoch, model, answers, waitUs);
  let at = 0;
  const outcomes = frames.map(({ rows, asks }): Exchanged['outcomes'][number] => {
    const is = frameStates[plan[at + STATE]!]!;
    const id = plan[at]! >>> 0;
    at += HEAD + rows.length + asks.length;
    return is === 'sent' ? { is, id } : { is };
  });
  return { answers, outcomes, sleptMs: sleptUs / 1_000 };
}

function planOf(frames: readonly HopFrame[]): Int32Array {
  const length = frames.reduce((sum, { rows, asks }) => sum + HEAD + rows.length + asks.length, 0);
  const plan = new Int32Array(length);
  let at = 0;
  for (const { line, priority, deadlineMs, rows, asks } of frames) {
    plan[at++] = line.nextId();
    plan[at++] = priority;
    plan[at++] = Math.ceil(deadlineMs);
    plan[at++] = rows.length;
    plan[at++] = asks.length / 2;
    at++;
    for (const row of rows) plan[at++] = row;
    for (const ask of asks) plan[at++] = ask;
  }
  return plan;
}
