// Measurements so far, by subject and figure, with the failures.
import { median } from './load/rate.ts';
import type { Figure, Subject } from './parts/rows.ts';

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

  median(subject: Subject, figure: Figure): number | undefined {
    return median(this.of(subject, figure));
  }

  /** The last one's reason. */
  failure(subject: Subject, figure: Figure): string | undefined {
    return this.#failures.get(`${subject} ${figure}`);
  }
}
