// Listeners for changes of a fleet, and waits until a condition holds.

export class Changes {
  readonly #listeners = new Set<() => void>();

  /** Calls `listener` after every change. Returns a function that removes it. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** To be called after every change. */
  tell(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  /**
   * Waits until `holds()` is true, `withinMs` have passed or `signal` aborts, and resolves to `holds()` at
   * that moment. `holds` is called after every change.
   */
  until(holds: () => boolean, withinMs: number, signal?: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      if (holds()) return resolve(true);
      const settle = () => {
        stop();
        clearTimeout(timer);
        signal?.removeEventListener('abort', settle);
        resolve(holds());
      };
      const timer = setTimeout(settle, withinMs);
      signal?.addEventListener('abort', settle, { once: true });
      const stop = this.listen(() => {
        if (holds()) settle();
      });
      if (signal?.aborted) settle();
    });
  }
}
