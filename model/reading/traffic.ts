// Lets the thread that reads ahead slow down while the serving thread is busy, through words in shared memory.

/** Indexes of the words. STOP is 1 if reading must stop. RUNS counts all runs so far, WAITING those that now await the disk. */
const [STOP, RUNS, WAITING, WORDS] = [0, 1, 2, 3];

/** The serving thread counts as busy until this long after a run. */
const BUSY_MS = 50;
/** While the serving thread is busy, reading ahead may use 1 / BUSY_SHARE of a core's time. */
const BUSY_SHARE = 8;

/** Longest time between two checks whether to stop. */
const MOST_WAIT_MS = 100;

export type TrafficWords = Int32Array<SharedArrayBuffer>;

export function createTraffic(): TrafficWords {
  return new Int32Array(new SharedArrayBuffer(WORDS * Int32Array.BYTES_PER_ELEMENT));
}

/** The side of the serving thread. */
export class Serving {
  readonly words: TrafficWords;

  constructor(words: TrafficWords) {
    this.words = words;
  }

  ran(): void {
    Atomics.add(this.words, RUNS, 1);
  }

  /** A run starts to wait for the disk. Reading ahead pauses until `hasRead` is called. */
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

/** The side of the thread that reads ahead. */
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

  /** Sleeps as long as the serving thread needs the disk or the core. To be called after every few tenths of a millisecond. */
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
