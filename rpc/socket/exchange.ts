// The gateway's side of a hop without an event loop: the addon sends the frames of a layer, waits for the answers, and copies them
// out. Frames whose answers did not come in that time are awaited like any other call.
import { kernels } from '../../kernels/kernels.ts';
import {
  frameStates,
  MOST_EXCHANGED,
  MOST_EXCHANGED_ROWS,
  MOST_IDENTITY_BYTES,
  planFields,
} from '../../kernels/wires.ts';
import { defaultFrameBytes } from '../frame.ts';
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
}

/** A frame's answers stand in `Exchange.answers`; or it was sent under this id; or it was not sent. */
export type Outcome = { is: 'answered' } | { is: 'sent'; id: number } | { is: 'not_sent' };

const HEAD = planFields.length;
const STATE = planFields.indexOf('state');

/** Whether a hop of so many frames can be exchanged. */
export function canExchange(frames: number, model: string): boolean {
  return frames <= MOST_EXCHANGED && Buffer.byteLength(model) <= MOST_IDENTITY_BYTES;
}

/** Bytes of a frame beside its rows and pairs: at most this many. */
const HEAD_BYTES = 512;

/** Whether a frame with so many rows and pairs (row, expert) can be exchanged. */
export function fitsExchange(rows: number, pairs: number, hidden: number): boolean {
  const bytes = HEAD_BYTES + 4 * (rows * hidden + pairs);
  return Math.max(rows, pairs) <= MOST_EXCHANGED_ROWS && bytes <= defaultFrameBytes;
}

/** The exchange of one hop. */
export class Exchange {
  /** `[asks of all frames, hidden]`, frame after frame. */
  readonly answers: Float32Array;
  readonly #hop: Hop;
  readonly #plan: Int32Array;

  constructor(hop: Hop) {
    this.#hop = hop;
    this.#plan = planOf(hop.frames);
    const asks = hop.frames.reduce((sum, frame) => sum + frame.asks.length / 2, 0);
    this.answers = new Float32Array(asks * hop.hidden);
  }

  /** Sends the frames, unless an earlier call has sent them, and waits for answers. Returns the milliseconds that the thread slept. */
  run(waitMs: number): number {
    if (kernels === undefined) throw new Error('there are no kernels to exchange frames');
    const { model, layer, epoch, x, hidden, frames } = this.#hop;
    const wires = frames.map(({ line }) => line.wire);
    const waitUs = Math.max(0, Math.round(1_000 * waitMs));
    return kernels.exchange(wires, this.#plan, x, hidden, layer, epoch, model, this.answers, waitUs) / 1_000;
  }

  /** By frame. */
  outcomes(): Outcome[] {
    let at = 0;
    return this.#hop.frames.map(({ rows, asks }): Outcome => {
      const is = frameStates[this.#plan[at + STATE]!]!;
      const id = this.#plan[at]! >>> 0;
      at += HEAD + rows.length + asks.length;
      return is === 'sent' ? { is, id } : { is };
    });
  }
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
