// Ctrl-C and SIGTERM: the first asks for a clean end, a second Ctrl-C for one at once. Knows nothing that runs.

/** A terminal and npm may both pass on one Ctrl-C; two signals closer than this are one. Milliseconds. */
const SAME = 250;

export interface SignalActions {
  /** Called once. */
  drain: (signal: NodeJS.Signals) => void;
  /** Called once, only after `drain`. */
  halt: () => void;
}

/** Until the function that is returned is called. */
export function onSignals({ drain, halt }: SignalActions): () => void {
  let first: number | undefined;
  let halted = false;
  const receive = (signal: NodeJS.Signals) => {
    const now = performance.now();
    if (first === undefined) {
      first = now;
      drain(signal);
    } else if (signal === 'SIGINT' && !halted && now - first > SAME) {
      halted = true;
      halt();
    }
  };
  process.on('SIGINT', receive);
  process.on('SIGTERM', receive);
  const stopWatching = onOrphaned(() => receive('SIGTERM'));
  return () => {
    process.off('SIGINT', receive);
    process.off('SIGTERM', receive);
    stopWatching();
  };
}

/** npm passes a signal on to its shell, and a shell that dies of it tells nobody: our parent is then another. */
function onOrphaned(act: () => void): () => void {
  if (process.env.npm_lifecycle_event === undefined) return () => {};
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    act();
  }, 500);
  timer.unref();
  return () => clearInterval(timer);
}
