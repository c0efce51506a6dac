// How long this room itself works on one request. The clock runs from the request's arrival and stands while all is the
// engine's to go on with, or the reader's to take. Knows no wire format.
//
// Worked example, a stream of two tokens, `=` where the clock runs:
//   arrival ==== engine asked ········ token == written ······ token == written ··· finish === end
import type { Began, GenerationPart } from '../../engine/messages.ts';
import type { GenerationTimes } from './telemetry.ts';

export class OverheadClock {
  readonly #now: () => number;
  #ranMs = 0;
  #runsSince: number | undefined;
  /** Generations begun and not ended; of them, those whose next part is the engine's to give. */
  #open = 0;
  #waiting = 0;
  #withReader = false;
  #untaken: NodeJS.Immediate | undefined;

  /** `now` in milliseconds. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#runsSince = now();
  }

  /** So far. Milliseconds. */
  get ms(): number {
    return this.#ranMs + (this.#runsSince === undefined ? 0 : this.#now() - this.#runsSince);
  }

  generationBegins(): void {
    this.#open++;
    this.#turn();
  }

  /** Of a generation that does not wait. */
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
   * What there was is given away. Putting it on the socket is still ours, and happens in this turn of the event loop; the
   * reader that has not asked for more by the next one is waited for.
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

/** Follows one generation: its waits stop `clock`, its times are kept. `elapsedMs`: since the request came. */
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

  /** The same parts. By hand and not as a generator: it stands in the way of every token. */
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
