// Timers that are judged only after the sockets have been read. Knows no calls.
//
// Node runs due timers before it reads sockets: a thread that was blocked past a deadline finds the timer first and
// the answer, which already lies in the socket's buffer, second. So a timer only asks for a judgement after the next
// poll, which is when setImmediate runs.

const longestTimerMs = 0x7fff_ffff;

/**
 * Calls `judge` when `ms` have passed and the sockets have been read since. `firedAt`, on the clock of
 * `performance.now()`, is a moment before that reading: only what was due by then may be judged. Returns a function
 * that calls it off. The wait by itself does not keep the process alive.
 */
export function afterSockets(ms: number, judge: (firedAt: number) => void): () => void {
  let immediate: NodeJS.Immediate | undefined;
  const timer = setTimeout(
    () => {
      immediate = setImmediate(judge, performance.now());
    },
    Math.min(Math.max(ms, 0), longestTimerMs),
  );
  timer.unref();
  return () => {
    clearTimeout(timer);
    if (immediate !== undefined) clearImmediate(immediate);
  };
}
