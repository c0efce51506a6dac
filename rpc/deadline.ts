// Timers that are judged only after the sockets have been read.
//
// Node runs due timers before it reads sockets. A thread that was blocked past a deadline would see the timer first and only then
// the answer, which is already in the socket's buffer. So the timer only schedules the judgement for after the next poll, which
// is when setImmediate runs.

const LONGEST_TIMER_MS = 0x7fff_ffff;

/**
 * Calls `judge` when `ms` have passed and the sockets have been read since. `firedAt`, on the clock of `performance.now()`, is
 * a moment before that reading: only what was due by then may be judged. Returns a function that cancels the wait. The wait
 * does not keep the process alive.
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
