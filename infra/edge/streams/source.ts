// Reads the body of one gateway's answer, and aborts the request if the gateway is silent for too long.
import type { Reply } from '../send.ts';

export type Read =
  | { bytes: Uint8Array }
  /** The body has ended or was lost. `silent`: the gateway may still be connected, but does not answer. */
  | { bytes?: undefined; cause: unknown; silent: boolean };

export class Source {
  readonly #attempt: Reply['attempt'];
  readonly #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  readonly #silentMs: number;
  #ended = false;
  #timer: ReturnType<typeof setTimeout>;
  /** When the read in progress began. Undefined while the client does not read, which is not the gateway's silence. */
  #since: number | undefined;

  constructor({ attempt, body }: Reply, silentMs: number) {
    this.#attempt = attempt;
    this.#reader = body?.getReader();
    this.#silentMs = silentMs;
    this.#timer = setTimeout(() => this.#look(), silentMs);
  }

  async read(): Promise<Read> {
    this.#since = performance.now();
    try {
      const next = await this.#reader?.read();
      if (next?.value !== undefined) return { bytes: next.value };
      this.#end();
      return { cause: 'the stream stopped before its end', silent: false };
    } catch (thrown) {
      this.#end();
      return { cause: this.#attempt.causeOf(thrown), silent: this.#attempt.signal.aborted };
    } finally {
      this.#since = undefined;
    }
  }

  /** Ends the request, unless the body has ended. */
  abort(reason: unknown): void {
    if (this.#ended) return;
    this.#attempt.abort(reason);
    this.#end();
    // A body that fails because of `abort` rejects this as well.
    this.#reader?.cancel(reason).catch(() => {});
  }

  #end(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#attempt.end();
  }

  /** One timer looks at the time now and then, because a timer for each read would cost more. */
  #look(): void {
    const silent = this.#since === undefined ? 0 : performance.now() - this.#since;
    if (silent >= this.#silentMs) this.#attempt.abort(new Error(`it sent nothing for ${this.#silentMs} ms`));
    else this.#timer = setTimeout(() => this.#look(), this.#silentMs - silent);
  }
}
