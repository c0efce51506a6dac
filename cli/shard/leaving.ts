// Why a shard leaves service: a signal, an operator's drain, or a fault of its own.
import type { Logger } from 'pino';
import { onSignals } from '../signals.ts';

export interface Leaving {
  /** Aborted when the shard is to leave service. */
  signal: AbortSignal;
  leave(): void;
  /** Leaves because of a fault; the process then exits with 1. */
  leaveFor(fault: string): void;
}

export function leaveOnSignals(log: Logger): Leaving {
  const leaving = new AbortController();
  const leave = () => leaving.abort();
  onSignals({ drain: leave, halt: () => process.exit(130) });
  process.once('disconnect', () => process.exit(0)); // the parent has died, and nobody else calls this shard
  process.channel?.unref(); // the channel alone does not keep this process alive
  return {
    signal: leaving.signal,
    leave,
    leaveFor(fault) {
      log.error(`${fault}; leaving service`);
      process.exitCode = 1;
      leave();
    },
  };
}

/** Resolves when the signal is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
