// Measures how long this room itself works on one request. The clock runs from the arrival of the request, and is stopped while
// the room only waits for the engine or for the reader.
//
// Worked example, a stream of two tokens, `=` where the clock runs:
//   arrival ==== engine asked ········ token == written ······ token == written ··· finish === end
import type { Began, GenerationPart } from '../../engine/messages.ts';
import type { GenerationTimes } from './telemetry.ts';

export class OverheadClock {
  readonly #now: () => number;
  #ranMs = 0;
  #runsSince: number | undefined;
  /** Number of generations under way, and of those among them that wait for the engine. */
  #open = 0;
  #waiting = 0;
  #withReader = false;
  #untaken: NodeJS.Immediate | undefined;

  /** `now` in milliseconds. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#runsSince = now();
  }

  /** The time so far in milliseconds. */
  get ms(): number {
    return this.#ranMs + (this.#runsSince === undefined ? 0 : this.#now() - this.#runsSince);
  }

  generationBegins(): void {
    this.#open++;
    this.#turn();
  }

  /** Ends a generation that does not wait for the engine. */
  generationEnds(): void {
    this.#open--;
    this.#turn();
  }

  engineIsAsked(): void {
    this.#waiting++;
    this.#turn();
  }

  engineAnswers(): void {
    this.#waiting--;
    this.#turn();
  }

  /**
   * Everything has been handed to the reader. Writing it to the socket still counts and happens in this turn of the event loop.
   * The clock stops if the reader has not asked for more by the next turn.
   */
  readerIsGiven(): void {
    this.#untaken = setImmediate(() => {
      this.#withReader = true;
      this.#turn();
    });
  }

  readerAsks(): void {
    clearImmediate(this.#untaken);
    if (!this.#withReader) return;
    this.#withReader = false;
    this.#turn();
  }

  #turn(): void {
    const runs = !this.#withReader && (this.#open === 0 || this.#waiting < this.#open);
    if (runs === (this.#runsSince !== undefined)) return;
    if (runs) this.#runsSince = this.#now();
    else {
      this.#ranMs = this.ms;
      this.#runsSince = undefined;
    }
  }
}

/** Follows one generation: stops `clock` while it waits, and keeps its times. `elapsedMs` counts from the request's arrival. */
export class GenerationWatch implements GenerationTimes {
  readonly index: number;
  askedAt = 0;
  began: Began | undefined;
  endedAt = 0;
  readonly #clock: OverheadClock;
  readonly #elapsedMs: () => number;

  constructor(index: number, { clock, elapsedMs }: { clock: OverheadClock; elapsedMs: () => number }) {
    this.index = index;
    this.#clock = clock;
    this.#elapsedMs = elapsedMs;
  }

  /** Passes the parts on. Written by hand instead of as a generator, because every token goes through it. */
  follow(parts: AsyncIterable<GenerationPart>): AsyncIterable<GenerationPart> {
    return { [Symbol.asyncIterator]: () => this.#iterator(parts[Symbol.asyncIterator]()) };
  }

  #iterator(inner: AsyncIterator<GenerationPart>): AsyncIterator<GenerationPart> {
    this.askedAt = this.#elapsedMs();
    this.#clock.generationBegins();
    let open = true;
    const end = () => {
      if (!open) return;
      open = false;
      this.endedAt = this.#elapsedMs();
      this.#clock.generationEnds();
    };
    return {
      next: async () => {
        this.#clock.engineIsAsked();
        let whole = true;
        try {
          const result = await inner.next();
          whole = result.done === true;
          if (!whole) this.#note(result.value);
          return result;
        } finally {
          this.#clock.engineAnswers();
          if (whole) end();
        }
      },
      return: async () => {
        end();
        await inner.return?.();
        return { done: true, value: undefined };
      },
    };
  }

  #note(part: GenerationPart): void {
    if ('began' in part) this.began ??= part.began;
  }
}
