// Parts of one generation between the one who makes them and the one who reads them. Bounded by the answer's length.
import type { GenerationPart } from './messages.ts';

export function isLast({ type }: GenerationPart): boolean {
  return type === 'finish' || type === 'error';
}

/** An async iterable that ends after a finish, an error, or `end()`. */
export class PartQueue implements AsyncIterable<GenerationPart> {
  readonly #parts: GenerationPart[] = [];
  #ended = false;
  #wake: () => void = () => {};

  push(part: GenerationPart): void {
    if (this.#ended) return;
    this.#parts.push(part);
    if (isLast(part)) this.#ended = true;
    this.#wake();
  }

  /** Ends the stream at once; parts not yet read are dropped. */
  end(): void {
    this.#parts.length = 0;
    this.#ended = true;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<GenerationPart> {
    for (;;) {
      const part = this.#parts.shift();
      if (part !== undefined) yield part;
      else if (this.#ended) return;
      else await new Promise<void>((wake) => (this.#wake = wake));
    }
  }
}
