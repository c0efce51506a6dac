// Collects problems of a serving gateway that its operator should fix. /health/ready and /metrics report them. Everyone can read
// the messages, so they may name flags but no paths.
export interface Warning {
  /** Name of the problem in metrics and alerts, such as `api_keys`. */
  what: string;
  message: string;
}

export class Warnings {
  readonly #messages = new Map<string, () => string | undefined>();

  /** `message` is called whenever the warnings are read. It returns undefined if there is no problem. */
  watch(what: string, message: () => string | undefined): void {
    this.#messages.set(what, message);
  }

  /** Sets the message itself. Undefined: there is no problem. */
  set(what: string, message: string | undefined): void {
    this.watch(what, () => message);
  }

  /** Names of all watched problems, even of those that have not occurred. */
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
