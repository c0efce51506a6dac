// The queue between the producer of a generation's parts and their reader. Its length is bounded by the answer's.
import { type GenerationPart, heldBytes } from './messages.ts';

export function isLast({ type }: GenerationPart): boolean {
  return type === 'finish' || type === 'error';
}

/** Bytes of a part in V8, without its log-probabilities and route. */
const PART_BYTES = 200;

/** An async iterable that ends after a finish, an error, or `end()`. */
export class PartQueue implements AsyncIterable<GenerationPart> {
  readonly #parts: GenerationPart[] = [];
  #bytes = 0;
  #ended = false;
  #wake: () => void = () => {};
  readonly #onBytes: (change: number) => void;

  /** `onBytes` is called with each change of `bytes`. */
  constructor(onBytes: (change: number) => void = () => {}) {
    this.#onBytes = onBytes;
  }

  /** About how many bytes the unread parts take. */
  get bytes(): number {
    return this.#bytes;
  }

  #hold(bytes: number): void {
    const change = bytes - this.#bytes;
    this.#bytes = bytes;
    this.#onBytes(change);
  }

  push(part: GenerationPart): void {
    if (this.#ended) return;
    this.#parts.push(part);
    this.#hold(this.#bytes + bytesOf(part));
    if (isLast(part)) this.#ended = true;
    this.#wake();
  }

  /** Ends the stream at once and drops unread parts. */
  end(): void {
    this.#parts.length = 0;
    this.#hold(0);
    this.#ended = true;
    this.#wake();
  }

  /** Replaces all unread parts by an error, which ends the stream. */
  fail(part: Extract<GenerationPart, { type: 'error' }>): void {
    this.end();
    this.#parts.push(part);
    this.#hold(bytesOf(part));
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<GenerationPart> {
    for (;;) {
      const part = this.#parts.shift();
      if (part !== undefined) {
        this.#hold(this.#bytes - bytesOf(part));
        yield part;
      } else if (this.#ended) return;
      else await new Promise<void>((wake) => (this.#wake = wake));
    }
  }
}

function bytesOf(part: GenerationPart): number {
  if (part.type === 'token') {
    return PART_BYTES + heldBytes(part);
  }
  if (part.type !== 'prompt') return PART_BYTES;
  return part.logprobs.reduce((total, told) => total + PART_BYTES + heldBytes(told), PART_BYTES);
}
