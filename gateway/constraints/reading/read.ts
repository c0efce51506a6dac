// Reads a specification to its grammar within bounds on work, time and memory, and gives it as bytes that threads share.

import { ConstraintFault } from '../fault.ts';
import { extentOf } from '../grammar/extent.ts';
import { type ReadGrammar, readGrammar } from '../grammar/grammar-of.ts';
import { packedGrammar } from '../grammar/packed.ts';
import type { GrammarSpec } from '../specification.ts';
import { OutOfTime, withinTime } from './budget.ts';

export interface Read {
  /** The grammar; see packed.ts. */
  packed: SharedArrayBuffer;
  /** Paths of what is not held of relaxed schemas, as those of faults begin. */
  notes: readonly string[];
}

/** Milliseconds of computing that one specification may take. */
const MOST_MS = 1500;
/** Of one grammar in memory. */
const MOST_BYTES = 16 * 2 ** 20;
/** A specification of fewer characters may be read at once, if it takes no longer than so many milliseconds and states. */
const SMALL = 8192;
const quick = { ms: 3, clock: threadMs, states: 1000 };

/** Throws a ConstraintFault where it cannot be honoured. */
export function read(spec: GrammarSpec): Read {
  try {
    return bounded(() => withinTime({ ms: MOST_MS, clock: threadMs }, () => readGrammar(spec)));
  } catch (cause) {
    if (!(cause instanceof OutOfTime)) throw cause;
    throw new ConstraintFault(
      `reading it takes more than ${MOST_MS / 1000} s: it is too large, or too much in it is joined`,
    );
  }
}

/**
 * The same, for a thread that others wait for. Undefined: it takes longer than a few milliseconds. `characters`: of the specification
 * as JSON.
 */
export function readQuickly(spec: GrammarSpec, characters: number): Read | undefined {
  if (characters > SMALL) return undefined;
  try {
    return bounded(() => withinTime(quick, () => readGrammar(spec)));
  } catch (cause) {
    if (cause instanceof OutOfTime) return undefined;
    throw cause;
  }
}

function bounded(make: () => ReadGrammar): Read {
  const { grammar, notes } = shallow(make);
  const { bytes } = extentOf(grammar);
  if (bytes > MOST_BYTES) {
    throw new ConstraintFault(`its grammar takes more than ${MOST_BYTES / 2 ** 20} MiB of memory`);
  }
  return { packed: packedGrammar(grammar), notes };
}

/** Each kind of depth has a bound of its own; together they may be more than the thread's stack holds. */
function shallow<Result>(make: () => Result): Result {
  try {
    return make();
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new ConstraintFault(
      /call stack/.test(cause.message) ? 'too much of it lies within one another' : 'it is too large',
    );
  }
}

/** Computing time of this thread, so that the work of others makes no difference. */
export function threadMs(): number {
  const { user, system } = (process.threadCpuUsage ?? process.cpuUsage)();
  return (user + system) / 1000;
}
