// Waits for other work on the machine, and repeats a measurement that it disturbed.
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { processorTicks } from './process-tree.ts';

/** Share of all cores: if other processes use more, a measurement is disturbed. */
const DISTURBED = 0.08;
const ATTEMPTS = 4;
const GLANCE = 400;
/** Of all cores. */
const AT_REST = 0.02;
/** Milliseconds. */
const SETTLE = 120_000;

interface Ticks {
  /** All cores: anything but idle; everything. Own: this process and its descendants. */
  busy: number;
  total: number;
  own: number;
}

export class Quiet {
  /** What is left of it. */
  #patience: number;
  readonly #log: (line: string) => void;
  /** Of each measurement, the share of the cores that others used. */
  readonly shares: number[] = [];

  /** Waits for `patienceMs` in all, and then accepts disturbed figures. */
  constructor({ log, patienceMs }: { log: (line: string) => void; patienceMs: number }) {
    this.#log = log;
    this.#patience = patienceMs;
  }

  /** The least disturbed result. */
  async measure<T>(action: () => Promise<T>): Promise<T> {
    let best: { result: T; share: number } | undefined;
    for (let attempt = 1; best === undefined || (best.share > DISTURBED && attempt <= ATTEMPTS); attempt++) {
      await this.wait();
      const before = ticks();
      const result = await action();
      const share = othersShare(before, ticks());
      if (best === undefined || share < best.share) best = { result, share };
      if (this.#patience <= 0) break;
    }
    this.shares.push(best.share);
    if (best.share > DISTURBED)
      this.#log(`others used ${Math.round(100 * best.share)} % of the cores meanwhile`);
    return best.result;
  }

  /** Returns when our own processes are at rest: after a start an engine may still be reading ahead. */
  async settle(limitMs = SETTLE): Promise<void> {
    const until = performance.now() + limitMs;
    while (performance.now() < until) {
      const before = ticks();
      await delay(2 * GLANCE);
      const after = ticks();
      if ((after.own - before.own) / Math.max(1, after.total - before.total) < AT_REST) return;
    }
    this.#log(`still busy with itself after ${limitMs / 1000} s`);
  }

  /** Returns when other processes are quiet, or when the patience is used up. */
  async wait(): Promise<void> {
    while (this.#patience > 0) {
      const before = ticks();
      await delay(GLANCE);
      if (othersShare(before, ticks()) <= DISTURBED) return;
      this.#patience -= GLANCE;
    }
  }
}

function ticks(): Ticks {
  const [, user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0] = (
    readFileSync('/proc/stat', 'utf8').split('\n')[0] ?? ''
  )
    .split(/ +/)
    .map(Number);
  const busy = user + nice + system + irq + softirq + steal;
  return { busy, total: busy + idle + iowait, own: processorTicks(process.pid) };
}

function othersShare(before: Ticks, after: Ticks): number {
  const others = after.busy - before.busy - (after.own - before.own);
  return Math.max(0, others) / Math.max(1, after.total - before.total);
}
