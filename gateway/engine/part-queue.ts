// The queue between the producer of a generation's parts and their reader. `push` never waits, so the queue may grow to the
// length of the whole answer.
import { type GenerationPart, heldBytes } from './messages.ts';

/** Whether the part ends its stream. */
export function isLast({ type }: GenerationPart): boolean {
  return type === 'finish' || type === 'error';
}

/** Estimated bytes of a part in memory, without its log-probabilities and route. */
const PART_BYTES = 200;

/** An async iterable that ends after a finish, an error, or `end()`. */
export class PartQueue implements AsyncIterable<GenerationPart> {
  readonly #parts: GenerationPart[] = [];
  #bytes = 0;
  #ended = false;
  #wake: () => void = () => {};
  readonly #onBytes: (change: number) => void;

  /** `onBytes` gets the difference whenever `bytes` changes. */
  constructor(onBytes: (change: number) => void = () => {}) {
    this.#onBytes = onBytes;
  }

  /** Estimated bytes of the unread parts in memory. */
  get bytes(): number {
    return this.#bytes;
  }

  #add(bytes: number): void {
    this.#bytes += bytes;
    this.#onBytes(bytes);
  }

  push(part: GenerationPart): void {
    if (this.#ended) return;
    this.#parts.push(part);
    this.#add(bytesOf(part));
    if (isLast(part)) this.#ended = true;
    this.#wake();
  }

  /** Ends the stream at once and drops unread parts. */
  end(): void {
    this.#parts.length = 0;
    this.#add(-this.#bytes);
    this.#ended = true;
    this.#wake();
  }

  /** Replaces all unread parts by an error, which ends the stream. */
  fail(part: Extract<GenerationPart, { type: 'error' }>): void {
    this.end();
    this.#parts.push(part);
    this.#add(bytesOf(part));
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<GenerationPart> {
    for (;;) {
      const part = this.#parts.shift();
      if (part !== undefined) {
        this.#add(-bytesOf(part));
        yield part;
      } else if (this.#ended) return;
      else await new Promise<void>((wake) => (this.#wake = wake));
    }
  }
}

function bytesOf(part: GenerationPart): number {
  if (part.type === 'token') return PART_BYTES + heldBytes(part);
  if (part.type !== 'prompt') return PART_BYTES;
  return part.logprobs.reduce((total, token) => total + PART_BYTES + heldBytes(token), PART_BYTES);
}
