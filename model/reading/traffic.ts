// How a thread that reads ahead gives way to the thread that serves, by words in shared memory.

const STOP = 0;
const RUNS = 1;
const WAITING = 2;
const WORDS = 3;

/** Serving counts as busy for so long after a run. */
const BUSY_MS = 50;
/** While serving is busy, reading ahead takes one part in so many of a core's time. */
const BUSY_SHARE = 8;

/** Longest time between two checks whether to stop. */
const MOST_WAIT_MS = 100;

export type TrafficWords = Int32Array<SharedArrayBuffer>;

export function createTraffic(): TrafficWords {
  return new Int32Array(new SharedArrayBuffer(WORDS * Int32Array.BYTES_PER_ELEMENT));
}

/** The serving side. */
export class Serving {
  readonly words: TrafficWords;

  constructor(words: TrafficWords) {
    this.words = words;
  }

  ran(): void {
    Atomics.add(this.words, RUNS, 1);
  }

  /** Until `hasRead` is called, a request waits for the disk, and reading ahead pauses. */
  reads(): void {
    Atomics.add(this.words, WAITING, 1);
  }

  hasRead(): void {
    Atomics.sub(this.words, WAITING, 1);
    Atomics.notify(this.words, WAITING);
  }

  stop(): void {
    Atomics.store(this.words, STOP, 1);
    Atomics.notify(this.words, STOP);
    Atomics.notify(this.words, WAITING);
  }
}

/** The reading side. Its thread sleeps in `giveWay`. */
export class Reading {
  readonly #words: TrafficWords;
  #seen = 0;
  #busyUntil = Number.NEGATIVE_INFINITY;

  constructor(words: TrafficWords) {
    this.#words = words;
  }

  get stopped(): boolean {
    return Atomics.load(this.#words, STOP) !== 0;
  }

  /** To be called after every few tenths of a millisecond of work. Sleeps as long as the traffic requires. */
  giveWay(workedMs: number): void {
    for (;;) {
      const waiting = Atomics.load(this.#words, WAITING);
      if (waiting === 0 || this.stopped) break;
      Atomics.wait(this.#words, WAITING, waiting, MOST_WAIT_MS);
    }
    const runs = Atomics.load(this.#words, RUNS);
    const now = performance.now();
    if (runs !== this.#seen) this.#busyUntil = now + BUSY_MS;
    this.#seen = runs;
    if (now < this.#busyUntil) Atomics.wait(this.#words, STOP, 0, (BUSY_SHARE - 1) * workedMs);
  }
}
