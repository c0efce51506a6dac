// What an operator should mend while the gateway serves on: told by /health/ready and /metrics. Knows no cause. Messages are
// read by whoever may ask whether the gateway is ready: they name flags, no paths.
export interface Warning {
  /** A label of metrics and a word of alerts: `api_keys`. */
  what: string;
  message: string;
}

export class Warnings {
  readonly #messages = new Map<string, () => string | undefined>();

  /** From now on `message` is asked whenever somebody looks; undefined while all is well. */
  watch(what: string, message: () => string | undefined): void {
    this.#messages.set(what, message);
  }

  /** Until it is set again; undefined: all is well. */
  set(what: string, message: string | undefined): void {
    this.watch(what, () => message);
  }

  /** What may go wrong, whether it has or not. */
  get watched(): string[] {
    return [...this.#messages.keys()];
  }

  get current(): Warning[] {
    return [...this.#messages].flatMap(([what, ask]) => {
      const message = ask();
      return message === undefined ? [] : [{ what, message }];
    });
  }
}
