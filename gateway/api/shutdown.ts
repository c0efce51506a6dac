// Ends the requests of a server that shuts down. New requests are refused. Requests that are still open at the end get an error
// instead of a broken connection.
import { type ApiError, fromGeneration } from './errors.ts';

/** The error of requests during a regular shutdown. It is retryable, because another server can answer them. */
export function shuttingDown(): ApiError {
  return fromGeneration({ code: 'shutting_down', message: 'The server is shutting down.', retryable: true });
}

export class Shutdown {
  #refusing = false;
  #cut: ApiError | undefined;
  readonly #open = new Set<(error: ApiError) => void>();
  readonly #moving = new Set<() => void>();

  /** Whether new requests are refused. */
  get refusing(): boolean {
    return this.#refusing;
  }

  refuse(): void {
    this.#refusing = true;
    for (const move of [...this.#moving]) move();
  }

  /** Calls `move` when new requests are refused, or at once if they are. Returns a function that unregisters `move`. */
  onRefuse(move: () => void): () => void {
    if (this.#refusing) move();
    this.#moving.add(move);
    return () => this.#moving.delete(move);
  }

  /** Ends every open request with `error`. Further calls have no effect. */
  cut(error: ApiError): void {
    this.#refusing = true;
    if (this.#cut !== undefined) return;
    this.#cut = error;
    for (const end of [...this.#open]) end(error);
  }

  /** Calls `end` when `cut` is called, or at once if it was called before. Returns a function that unregisters `end`. */
  onCut(end: (error: ApiError) => void): () => void {
    if (this.#cut !== undefined) end(this.#cut);
    this.#open.add(end);
    return () => this.#open.delete(end);
  }

  /** Resolves to the result of `work`. Rejects if `cut` is called before. */
  during<Result>(work: Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      const over = this.onCut(reject);
      work.then(resolve, reject).finally(over);
    });
  }
}
