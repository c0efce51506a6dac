// The parts of one generation as an async iterable. The engine pushes them and never waits, so the queue of unread parts may grow to
// the length of the whole answer.
import { type GenerationPart, heldBytes, type OnDrop } from './messages.ts';

/** Whether the part ends its stream. */
export function isLast({ type }: GenerationPart): boolean {
  return type === 'finish' || type === 'error';
}

/** Estimated bytes of a part in memory, without its log-probabilities and route. */
const PART_BYTES = 200;

type Result = IteratorResult<GenerationPart, undefined>;
const over: Result = { done: true, value: undefined };

interface PartStreamOptions {
  /** Ends the stream at once and drops the unread parts. */
  signal: AbortSignal;
  /**
   * Starts the generation, which then pushes its parts. Called at the first `next()`. Returns a function that the stream calls once,
   * when it has ended. `whole`: the last part has arrived. Otherwise the generation must be stopped.
   */
  begin: (stream: PartStream) => (whole: boolean) => void;
  /** Gets the difference whenever `bytes` changes. */
  onBytes?: (change: number) => void;
  /** Called if the stream drops unread tokens. */
  onDrop?: OnDrop | undefined;
}

/** Ends after a finish or an error. Not an async generator, because that would cost time for every token. */
export class PartStream implements AsyncIterableIterator<GenerationPart, undefined> {
  readonly #options: PartStreamOptions;
  readonly #parts: GenerationPart[] = [];
  #bytes = 0;
  #begun = false;
  /** Whether no further part is accepted. */
  #ended = false;
  /** Whether the last part has arrived. */
  #whole = false;
  /** Resolves the reader's promise. Undefined unless the reader waits for a part. */
  #give: ((result: Result) => void) | undefined;
  #leave: ((whole: boolean) => void) | undefined;

  constructor(options: PartStreamOptions) {
    this.#options = options;
  }

  /** Estimated bytes of the unread parts in memory. */
  get bytes(): number {
    return this.#bytes;
  }

  push(part: GenerationPart): void {
    if (this.#ended) return;
    if (isLast(part)) this.#ended = this.#whole = true;
    const give = this.#give;
    if (give === undefined) {
      this.#parts.push(part);
      this.#add(bytesOf(part));
      return;
    }
    this.#give = undefined;
    this.#leaveIfOver();
    give({ done: false, value: part });
  }

  /** Replaces all unread parts by an error, which ends the stream. */
  fail(part: Extract<GenerationPart, { type: 'error' }>): void {
    this.#drop(true);
    this.#ended = false;
    this.push(part);
  }

  /** Must not be called again before its promise has settled. */
  next(): Promise<Result> {
    if (!this.#begun) this.#begin();
    const part = this.#parts.shift();
    if (part !== undefined) {
      this.#add(-bytesOf(part));
      this.#leaveIfOver();
      return Promise.resolve({ done: false, value: part });
    }
    if (this.#ended) return Promise.resolve(over);
    return new Promise((give) => {
      this.#give = give;
    });
  }

  async return(): Promise<Result> {
    this.#begun = true; // a stream that ends before its first part never starts its generation
    this.#end();
    return over;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #begin(): void {
    const { signal, begin } = this.#options;
    this.#begun = true;
    if (signal.aborted) {
      this.#ended = true;
      return;
    }
    signal.addEventListener('abort', this.#end, { once: true });
    this.#leave = begin(this);
  }

  /** Ends the stream at once and drops unread parts. */
  readonly #end = (): void => {
    this.#drop(false);
    this.#leaveIfOver();
    this.#give?.(over);
    this.#give = undefined;
  };

  #drop(failed: boolean): void {
    const tokens = this.#parts.filter(({ type }) => type === 'token').length;
    if (tokens > 0) this.#options.onDrop?.(tokens, failed);
    this.#parts.length = 0;
    this.#add(-this.#bytes);
    this.#ended = true;
  }

  #leaveIfOver(): void {
    if (!this.#ended || this.#parts.length > 0) return;
    this.#options.signal.removeEventListener('abort', this.#end);
    this.#leave?.(this.#whole);
    this.#leave = undefined;
  }

  #add(bytes: number): void {
    this.#bytes += bytes;
    this.#options.onBytes?.(bytes);
  }
}

function bytesOf(part: GenerationPart): number {
  if (part.type === 'token') return PART_BYTES + heldBytes(part);
  if (part.type !== 'prompt') return PART_BYTES;
  return part.logprobs.reduce((total, token) => total + PART_BYTES + heldBytes(token), PART_BYTES);
}
