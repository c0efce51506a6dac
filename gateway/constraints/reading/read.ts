// Reads a specification into its grammar within bounds on work, time and memory, and packs the grammar for other threads.

import { ConstraintFault } from '../fault.ts';
import type { ReadGrammar } from '../grammar/expression.ts';
import { extentOf } from '../grammar/extent.ts';
import { readGrammar } from '../grammar/grammar-of.ts';
import { packedGrammar } from '../grammar/packed.ts';
import type { GrammarSpec } from '../specification.ts';
import { OutOfTime, withinTime } from './budget.ts';

export interface Read extends Pick<ReadGrammar, 'notes'> {
  /** The grammar as bytes; see packed.ts. */
  packed: SharedArrayBuffer;
}

/** Most milliseconds of CPU time for one specification. */
const MOST_MS = 1500;
/** Most bytes of one grammar in memory. */
const MOST_BYTES = 16 * 2 ** 20;
/** Most characters of a specification that is read in the calling thread. */
const SMALL = 8192;
/** Limits on reading in the calling thread. */
const quick = { ms: 3, clock: threadMs, states: 1000 };

/** Throws a ConstraintFault if the specification cannot be honoured. */
export function read(spec: GrammarSpec): Read {
  try {
    return bounded(() => withinTime({ ms: MOST_MS, clock: threadMs }, () => readGrammar(spec)));
  } catch (cause) {
    if (!(cause instanceof OutOfTime)) throw cause;
    throw new ConstraintFault(
      `reading it takes more than ${MOST_MS / 1000} s: it is too large, or combines too many parts`,
    );
  }
}

/**
 * Like `read`, for a thread that must not block. Returns undefined if reading takes longer than a few milliseconds. `characters` is
 * the length of the specification as JSON.
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

/** A grammar, or a fault as plain data, because threads cannot exchange instances of ConstraintFault. */
export type Answer = Read | { fault: Pick<ConstraintFault, 'message' | 'path' | 'invalid' | 'costly'> };

/** The result of `make`, or the fault that it throws. */
export function answerOf<Result>(make: () => Result): Result | Exclude<Answer, Read> {
  try {
    return make();
  } catch (cause) {
    if (!(cause instanceof ConstraintFault)) throw cause;
    const { message, path, invalid, costly } = cause;
    return { fault: { message, path, invalid, costly } };
  }
}

function bounded(make: () => ReadGrammar): Read {
  const { grammar, notes } = withinStack(make);
  if (extentOf(grammar).bytes > MOST_BYTES) {
    throw new ConstraintFault(`its grammar takes more than ${MOST_BYTES / 2 ** 20} MiB of memory`);
  }
  return { packed: packedGrammar(grammar), notes };
}

/** Turns an overflow of the stack into a fault. Each kind of depth has its own bound, but together they may exceed the stack. */
function withinStack<Result>(make: () => Result): Result {
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
