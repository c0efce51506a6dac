// Locks an open file for one process with the system's flock, because Node has no file locks. The system releases the lock when
// the process ends in any way, so no lock is ever stale. The lock also works between containers that share the file: it does
// not depend on process ids, which may be the same in two containers.
import { kernels } from '../kernels/kernels.ts';

/**
 * Takes the lock until the descriptor is closed. Returns false if another process has the lock, and undefined if the addon is
 * missing or too old to lock files.
 */
export function lockFile(descriptor: number): boolean | undefined {
  return kernels?.lockFile?.(descriptor);
}
