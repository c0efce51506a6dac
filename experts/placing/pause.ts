// A wait that somebody else may end early. Holds no process back from its end.

export class Pause {
  #end: () => void = () => {};

  /** Resolves after `ms`, or when `end` is called. */
  wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      timer.unref();
      this.#end = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  end(): void {
    this.#end();
  }
}
