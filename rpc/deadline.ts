// Timers for deadlines of calls. They must not fire before the answers that have arrived were read.
//
// Node runs due timers before it reads sockets. If a thread was blocked past a deadline, the timer would fire although the answer
// is already in the socket's buffer. So the timer only calls setImmediate, which runs after the sockets were read.

const LONGEST_TIMER_MS = 0x7fff_ffff;

/**
 * Calls `judge` when `ms` have passed and the sockets have been read since then. `firedAt`, on the clock of `performance.now()`, is
 * a time before that reading: `judge` must treat deadlines after `firedAt` as not passed. Returns a function that cancels the
 * timer. The timer does not keep the process alive.
 */
export function afterSockets(ms: number, judge: (firedAt: number) => void): () => void {
  let immediate: NodeJS.Immediate | undefined;
  const timer = setTimeout(
    () => {
      immediate = setImmediate(judge, performance.now());
    },
    Math.min(Math.max(ms, 0), LONGEST_TIMER_MS),
  );
  timer.unref();
  return () => {
    clearTimeout(timer);
    if (immediate !== undefined) clearImmediate(immediate);
  };
}
