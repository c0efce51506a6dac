// Makes a shard leave service: after a signal, after an operator's drain, or because of a fault.
import type { Logger } from 'pino';
import { onSignals } from '../signals.ts';
import { tellParent } from './shard-parent.ts';

export interface Leaving {
  /** Aborted when the shard must leave service. */
  signal: AbortSignal;
  /** Leaves on purpose, and tells the parent process. Has no effect if the shard leaves already. */
  leave(): void;
  /** Logs the fault and leaves. The process then exits with code 1. */
  leaveFor(fault: string): void;
}

export function leaveOnSignals(log: Logger): Leaving {
  const leaving = new AbortController();
  const leave = () => {
    if (leaving.signal.aborted) return;
    tellParent({ type: 'leaving' });
    leaving.abort();
  };
  onSignals({ drain: leave, halt: () => process.exit(130) });
  process.once('disconnect', () => process.exit(0)); // the parent has died, and no other process calls this shard
  process.channel?.unref(); // the channel alone does not keep this process alive
  return {
    signal: leaving.signal,
    leave,
    leaveFor(fault) {
      log.error(`${fault}; leaving service`);
      process.exitCode = 1;
      leaving.abort();
    },
  };
}
