// Waits until other processes of the machine are quiet, and repeats a measurement that they disturbed.
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { processorTicks } from './process-tree.ts';

/** If other processes use a larger share of all cores, a measurement is disturbed. */
const DISTURBED = 0.08;
/** A disturbed measurement is repeated up to this many times. */
const REPEATS = 4;
/** How long CPU time is counted to see which processes are busy. */
const SAMPLE_MS = 400;
/** Our own processes are at rest if they use a smaller share of all cores. */
const AT_REST = 0.02;
/** `settle` waits this long at most. */
const SETTLE_MS = 120_000;

/** CPU time since the machine started, in ticks of /proc/stat. */
interface Ticks {
  /** Time in which cores were not idle. */
  busy: number;
  /** Time of all cores. */
  total: number;
  /** Time of this process and its descendants. */
  own: number;
}

export class Quiet {
  #patienceMs: number;
  readonly #log: (line: string) => void;
  /** Share of all cores that other processes used during each measurement (0–1). */
  readonly shares: number[] = [];

  /** All waits together last `patienceMs` at most. After that, disturbed measurements are accepted. */
  constructor({ log, patienceMs }: { log: (line: string) => void; patienceMs: number }) {
    this.#log = log;
    this.#patienceMs = patienceMs;
  }

  /** Runs `action`, repeats it if it was disturbed, and resolves to the least disturbed result. */
  async measure<T>(action: () => Promise<T>): Promise<T> {
    let best: { result: T; share: number } | undefined;
    for (let attempt = 1; best === undefined || (best.share > DISTURBED && attempt <= REPEATS); attempt++) {
      await this.wait();
      const before = ticks();
      const result = await action();
      const share = othersShare(before, ticks());
      if (best === undefined || share < best.share) best = { result, share };
      if (this.#patienceMs <= 0) break;
    }
    this.shares.push(best.share);
    if (best.share > DISTURBED)
      this.#log(
        `other processes used ${Math.round(100 * best.share)} % of the cores during this measurement`,
      );
    return best.result;
  }

  /** Resolves when our own processes are at rest. After its start, an engine may still read ahead. */
  async settle(limitMs = SETTLE_MS): Promise<void> {
    const until = performance.now() + limitMs;
    while (performance.now() < until) {
      const before = ticks();
      await delay(2 * SAMPLE_MS);
      const after = ticks();
      if ((after.own - before.own) / Math.max(1, after.total - before.total) < AT_REST) return;
    }
    this.#log(`the engine is still busy after ${limitMs / 1000} s`);
  }

  /** Resolves when other processes are quiet, or when `patienceMs` is used up. */
  async wait(): Promise<void> {
    while (this.#patienceMs > 0) {
      const before = ticks();
      await delay(SAMPLE_MS);
      if (othersShare(before, ticks()) <= DISTURBED) return;
      this.#patienceMs -= SAMPLE_MS;
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

/** Share of all cores that other processes used between two counts (0–1). */
function othersShare(before: Ticks, after: Ticks): number {
  const others = after.busy - before.busy - (after.own - before.own);
  return Math.max(0, others) / Math.max(1, after.total - before.total);
}
