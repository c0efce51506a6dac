// The lock that one process holds on an open file: the system's own (flock), because Node has none. The system releases it when
// the process ends, however it ends, so no lock is ever stale; it needs no pids, which repeat between containers, and it
// holds between containers and processes of one machine that share the file.
import { kernels } from '../kernels/kernels.ts';

/**
 * Takes the lock for as long as the descriptor is open. False if another process has it; undefined if this machine has
 * no addon to ask with, or a checkout still has one that was built before it could lock.
 */
export function lockFile(descriptor: number): boolean | undefined {
  return kernels?.lockFile?.(descriptor);
}
