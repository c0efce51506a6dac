// A signal of one's own that also ends with another's. Lighter than AbortSignal.any, and leaves no listener behind.
export class Leash {
  readonly #controller = new AbortController();
  readonly #parent: AbortSignal;
  readonly #onAbort = () => this.#controller.abort();

  constructor(parent: AbortSignal) {
    this.#parent = parent;
    if (parent.aborted) this.#controller.abort();
    else parent.addEventListener('abort', this.#onAbort, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Ends what still holds it. */
  cut(): void {
    this.#parent.removeEventListener('abort', this.#onAbort);
    this.#controller.abort();
  }
}
