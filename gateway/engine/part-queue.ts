// Parts of one generation between the one who makes them and the one who reads them. Bounded by the answer's length.
import { type GenerationPart, heldBytes } from './messages.ts';

export function isLast({ type }: GenerationPart): boolean {
  return type === 'finish' || type === 'error';
}

/** Bytes of a part beside its log-probabilities and route, as V8 holds it. */
const PART = 200;

/** An async iterable that ends after a finish, an error, or `end()`. */
export class PartQueue implements AsyncIterable<GenerationPart> {
  readonly #parts: GenerationPart[] = [];
  #bytes = 0;
  #ended = false;
  #wake: () => void = () => {};
  readonly #onBytes: (change: number) => void;

  /** `onBytes` hears how much more, or less, is held. */
  constructor(onBytes: (change: number) => void = () => {}) {
    this.#onBytes = onBytes;
  }

  /** About what the parts take that nobody has read yet. */
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

  /** Ends the stream at once; parts not yet read are dropped. */
  end(): void {
    this.#parts.length = 0;
    this.#hold(0);
    this.#ended = true;
    this.#wake();
  }

  /** In place of what nobody has read: the last part. */
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
    return PART + heldBytes(part);
  }
  if (part.type !== 'prompt') return PART;
  return part.logprobs.reduce((total, told) => total + PART + heldBytes(told), PART);
}
