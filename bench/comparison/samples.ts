// Keeps the measurements and failures of the comparison by subject and figure.

import { median } from '../statistics.ts';
import type { Figure, Subject } from './rows.ts';

export class Samples {
  readonly #values = new Map<string, number[]>();
  readonly #failures = new Map<string, string>();

  add(subject: Subject, figure: Figure, value: number): void {
    const key = `${subject} ${figure}`;
    this.#values.set(key, [...(this.#values.get(key) ?? []), value]);
  }

  fail(subject: Subject, figure: Figure, reason: string): void {
    this.#failures.set(`${subject} ${figure}`, reason);
  }

  of(subject: Subject, figure: Figure): readonly number[] {
    return this.#values.get(`${subject} ${figure}`) ?? [];
  }

  /** Undefined if there are no samples. */
  median(subject: Subject, figure: Figure): number | undefined {
    return median(this.of(subject, figure));
  }

  /** Reason of the last failure. */
  failure(subject: Subject, figure: Figure): string | undefined {
    return this.#failures.get(`${subject} ${figure}`);
  }
}
