// Sets the prefetch hint that suits this processor, for all products of the process. The hint is measured once on each kind of
// processor, and kept in a file.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname } from 'node:path';
import { errorText } from '../../base/error-text.ts';
import { version } from '../../base/package.ts';
import { KERNELS_VERSION, type Kernels, kernels, type Prefetch } from '../../kernels/kernels.ts';
import { measurePrefetches } from './cpu/measure-prefetch.ts';
import { confirmPrefetch, formatPrefetch, type PrefetchTimes, parsePrefetch } from './cpu/prefetch.ts';

export interface FittedPrefetch {
  prefetch: Prefetch;
  /** Absent if the choice was not measured now. */
  times?: readonly PrefetchTimes[];
  /** Why a measured choice could not be kept in the file. */
  unkept?: string;
}

/** Whether the CPU kernels of this machine prefetch. */
export function canPrefetch(): boolean {
  return kernels?.prefetches() === true;
}

/** Sets this hint. */
export function setPrefetch({ hint, aheadBytes }: Prefetch): void {
  kernels?.setPrefetch(hint, aheadBytes);
}

/** Sets the hint that `file` has for this processor. If there is none, measures it (10 to 30 ms) and adds it to the file. */
export function fitPrefetch(file: string): FittedPrefetch | undefined {
  if (kernels === undefined || !kernels.prefetches()) return undefined;
  const kept = parsePrefetch(readKept(file)[processor(kernels)] ?? '');
  if (kept === undefined) return measurePrefetch(file);
  setPrefetch(kept);
  return { prefetch: kept };
}

/** Measures the hint, sets it and keeps it in `file`. Undefined if the CPU kernels of this machine do not prefetch. */
export function measurePrefetch(file: string): FittedPrefetch | undefined {
  if (kernels === undefined) return undefined;
  const addon = kernels;
  const measured = confirmPrefetch(() => measurePrefetches(addon));
  if (measured === undefined) return undefined;
  const { prefetch, times } = measured;
  setPrefetch(prefetch);
  try {
    keep(file, { ...readKept(file), [processor(addon)]: formatPrefetch(prefetch) });
    return { prefetch, times };
  } catch (error) {
    return { prefetch, times, unkept: errorText(error) };
  }
}

/** The key of the file. Another release or instruction set may like another hint. */
function processor(addon: Kernels): string {
  const model = cpus()[0]?.model.trim() ?? 'unknown';
  return `${model}, ${addon.path()}, kernels ${KERNELS_VERSION}, expertgrid ${version}`;
}

/** The hints of the file by processor. Empty if the file is missing or damaged; it is then written anew. */
function readKept(file: string): Record<string, string> {
  try {
    const kept: unknown = JSON.parse(readFileSync(file, 'utf8'));
    if (typeof kept !== 'object' || kept === null) return {};
    return Object.fromEntries(Object.entries(kept).filter(([, text]) => typeof text === 'string'));
  } catch {
    return {};
  }
}

/** Renames a complete file, because several processes may start at the same time. */
function keep(file: string, kept: Record<string, string>): void {
  mkdirSync(dirname(file), { recursive: true });
  const part = `${file}.${process.pid}`;
  writeFileSync(part, `${JSON.stringify(kept, null, 2)}\n`);
  renameSync(part, file);
}
