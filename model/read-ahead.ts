// Reads a bundle's experts ahead and checks their hashes while a device serves from the mapped files. Knows no device.
import { setTimeout as delay } from 'node:timers/promises';
import type { Bundle } from './bundle/bundle.ts';
import type { Unit } from './devices/expert.ts';

export interface ReadAheadOptions {
  signal: AbortSignal;
  /** Called with each unit that is sound. */
  onSound?: (unit: Unit) => void;
  /** Units read, of all. */
  onProgress?: (done: number, total: number) => void;
  /** Milliseconds between two units, for calls to be answered: hashing one keeps the thread for about a millisecond. */
  pauseMs?: number;
}

/** Throws at the first damaged unit, naming file and expert; ends early when aborted. */
export async function readAhead(
  bundle: Bundle,
  units: readonly Unit[],
  { signal, onSound, onProgress, pauseMs = 10 }: ReadAheadOptions,
): Promise<void> {
  for (const [index, unit] of units.entries()) {
    if (signal.aborted) return;
    await bundle.readExpert(unit);
    onSound?.(unit);
    onProgress?.(index + 1, units.length);
    await delay(pauseMs);
  }
}
