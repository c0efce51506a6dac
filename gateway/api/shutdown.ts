// The end of a server as its requests meet it: new ones are refused first, and those that are still open in the end get an
// error instead of a connection that breaks. Knows no routes and no sockets.
import { type ApiError, fromGeneration } from './errors.ts';

/** What a request is told when the server ends because somebody asked it to: another server, or this one's successor, can take it. */
export function shuttingDown(): ApiError {
  return fromGeneration({ code: 'shutting_down', message: 'The server is shutting down.', retryable: true });
}

export class Shutdown {
  #refusing = false;
  #cut: ApiError | undefined;
  readonly #open = new Set<(error: ApiError) => void>();

  /** New requests are refused. */
  get refusing(): boolean {
    return this.#refusing;
  }

  refuse(): void {
    this.#refusing = true;
  }

  /** Ends every open request with `error`; the first call counts. */
  cut(error: ApiError): void {
    this.#refusing = true;
    if (this.#cut !== undefined) return;
    this.#cut = error;
    for (const end of [...this.#open]) end(error);
  }

  /** Calls `end` when open requests are cut, at once if they have been. Returns what takes it back. */
  onCut(end: (error: ApiError) => void): () => void {
    if (this.#cut !== undefined) end(this.#cut);
    this.#open.add(end);
    return () => this.#open.delete(end);
  }

  /** What `work` gives; rejects if the request is cut before. */
  during<Result>(work: Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      const over = this.onCut(reject);
      work.then(resolve, reject).finally(over);
    });
  }
}
