// Handles Ctrl-C and SIGTERM: the first signal asks for a clean end, and a later Ctrl-C for an immediate end.

/** Two signals within this time count as one, because a terminal and npm may both send the same Ctrl-C. */
const SAME_MS = 250;

export interface SignalActions {
  /** Called once. */
  drain: (signal: NodeJS.Signals) => void;
  /** Called once, only after `drain`. */
  halt: () => void;
}

/** Watches signals until the returned function is called. */
export function onSignals({ drain, halt }: SignalActions): () => void {
  let first: number | undefined;
  let halted = false;
  const receive = (signal: NodeJS.Signals) => {
    const now = performance.now();
    if (first === undefined) {
      first = now;
      drain(signal);
    } else if (signal === 'SIGINT' && !halted && now - first > SAME_MS) {
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

/** npm sends a signal only to its shell, which ends without passing it on. Then the id of the parent process changes. */
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
