// How a shard has behaved, and how long it is left alone for it. Pure; time is given.
import { banMs, cordonMs, restMs, steadyMs } from './backoff.ts';

/** Wrong answers are forgotten after this. */
const forgottenMs = 3_600_000;
/** So are calls that were not answered. */
const silenceForgottenMs = 600_000;

export class Conduct {
  #lossTimes: number[] = [];
  #offences = 0;
  #offendedAt = 0;
  #silences = 0;
  #silentAt = 0;

  /** A connection that worked was lost. Milliseconds of the ban that this deserves; 0: none. */
  lose(now: number): number {
    this.#lossTimes = [...this.#lossTimes.filter((at) => at > now - steadyMs), now];
    return banMs(this.#lossTimes.length);
  }

  /** It has answered wrongly. Milliseconds of its cordon. */
  offend(now: number, firstMs: number): number {
    if (now - this.#offendedAt > forgottenMs) this.#offences = 0;
    this.#offendedAt = now;
    return cordonMs(++this.#offences, firstMs);
  }

  /** It did not answer what it was asked. Milliseconds for which it is not asked. */
  silence(now: number, firstMs: number): number {
    if (now - this.#silentAt > silenceForgottenMs) this.#silences = 0;
    this.#silentAt = now;
    return restMs(++this.#silences, firstMs);
  }
}
