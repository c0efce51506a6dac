// Measures how long gateway/api itself works on one request. The clock starts when the request arrives, and is stopped while
// gateway/api only waits for the engine or for the reader of the answer.
//
// Worked example: a stream of two tokens. The clock runs during `=`.
//   arrival ==== engine asked ········ token == written ······ token == written ··· finish === end
import type { Began, GenerationPart } from '../../engine/messages.ts';
import type { GenerationTimes } from './telemetry.ts';

export class OverheadClock {
  readonly #now: () => number;
  #ranMs = 0;
  #runsSince: number | undefined;
  /** Number of generations that have not ended, and number of those that wait for the engine. */
  #open = 0;
  #waiting = 0;
  /** Whether the reader has got all data that is ready and has not asked for more. */
  #withReader = false;
  #untaken: NodeJS.Immediate | undefined;

  /** `now` returns milliseconds. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#runsSince = now();
  }

  /** Milliseconds for which the clock has run so far. */
  get ms(): number {
    return this.#ranMs + (this.#runsSince === undefined ? 0 : this.#now() - this.#runsSince);
  }

  generationBegins(): void {
    this.#open++;
    this.#update();
  }

  /** Must not be called while the generation waits for the engine. */
  generationEnds(): void {
    this.#open--;
    this.#update();
  }

  engineIsAsked(): void {
    this.#waiting++;
    this.#update();
  }

  engineAnswers(): void {
    this.#waiting--;
    this.#update();
  }

  /**
   * Call this when the reader has got all data that is ready. The clock stops if the reader has not asked for more by the next turn
   * of the event loop. It runs until then, because the data is written to the socket in this turn.
   */
  readerIsGiven(): void {
    this.#untaken = setImmediate(() => {
      this.#withReader = true;
      this.#update();
    });
  }

  readerAsks(): void {
    clearImmediate(this.#untaken);
    if (!this.#withReader) return;
    this.#withReader = false;
    this.#update();
  }

  #update(): void {
    const runs = !this.#withReader && (this.#open === 0 || this.#waiting < this.#open);
    if (runs === (this.#runsSince !== undefined)) return;
    if (runs) this.#runsSince = this.#now();
    else {
      this.#ranMs = this.ms;
      this.#runsSince = undefined;
    }
  }
}

/** Follows one generation: stops `clock` while it waits for the engine, and keeps the generation's times. */
export class GenerationWatch implements GenerationTimes {
  readonly index: number;
  askedAtMs = 0;
  began: Began | undefined;
  endedAtMs = 0;
  readonly #clock: OverheadClock;
  readonly #elapsedMs: () => number;

  /** `elapsedMs` returns the milliseconds since the request arrived. */
  constructor(index: number, { clock, elapsedMs }: { clock: OverheadClock; elapsedMs: () => number }) {
    this.index = index;
    this.#clock = clock;
    this.#elapsedMs = elapsedMs;
  }

  /** Passes the parts on. Not an async generator, because that would cost time for every token. */
  follow(parts: AsyncIterable<GenerationPart>): AsyncIterable<GenerationPart> {
    return { [Symbol.asyncIterator]: () => this.#iterator(parts[Symbol.asyncIterator]()) };
  }

  #iterator(inner: AsyncIterator<GenerationPart>): AsyncIterator<GenerationPart> {
    this.askedAtMs = this.#elapsedMs();
    this.#clock.generationBegins();
    let open = true;
    const end = () => {
      if (!open) return;
      open = false;
      this.endedAtMs = this.#elapsedMs();
      this.#clock.generationEnds();
    };
    return {
      next: () => {
        this.#clock.engineIsAsked();
        return inner.next().then(
          (result) => {
            this.#clock.engineAnswers();
            if (result.done === true) end();
            else this.#note(result.value);
            return result;
          },
          (error: unknown) => {
            this.#clock.engineAnswers();
            end();
            throw error;
          },
        );
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
