// Reads a specification into its grammar within bounds on work, time and memory, and returns it as bytes that threads share.

import { ConstraintFault } from '../fault.ts';
import { extentOf } from '../grammar/extent.ts';
import { type ReadGrammar, readGrammar } from '../grammar/grammar-of.ts';
import { packedGrammar } from '../grammar/packed.ts';
import type { GrammarSpec } from '../specification.ts';
import { OutOfTime, withinTime } from './budget.ts';

export interface Read {
  /** The grammar; see packed.ts. */
  packed: SharedArrayBuffer;
  /** Paths of keywords of relaxed schemas that were left out, in the form of a fault's path. */
  notes: readonly string[];
}

/** Most milliseconds of CPU time for one specification. */
const MOST_MS = 1500;
/** Most bytes of one grammar in memory. */
const MOST_BYTES = 16 * 2 ** 20;
/** Limits for reading at once, in the calling thread: characters of the specification, milliseconds, states. */
const SMALL = 8192;
const quick = { ms: 3, clock: threadMs, states: 1000 };

/** Throws a ConstraintFault if the specification cannot be honoured. */
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

/** Each kind of depth has its own bound. Together they may exceed the thread's stack. */
function shallow<Result>(make: () => Result): Result {
  try {
    return make();
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new ConstraintFault(
      /call stack/.test(cause.message) ? 'it is nested too deeply' : 'it is too large',
    );
  }
}

/** CPU time of this thread, so that other threads' work makes no difference. */
export function threadMs(): number {
  const { user, system } = (process.threadCpuUsage ?? process.cpuUsage)();
  return (user + system) / 1000;
}
