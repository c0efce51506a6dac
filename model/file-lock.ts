// The lock that one process holds on an open file. It is the system's flock, because Node has none. The system releases it when
// the process ends in any way, so that no lock is ever stale. It works between containers that share the file, and needs no
// process ids, which repeat between containers.
import { kernels } from '../kernels/kernels.ts';

/**
 * Takes the lock for as long as the descriptor is open. Returns false if another process has it, and undefined if the addon
 * is missing or was built before it could lock files.
 */
export function lockFile(descriptor: number): boolean | undefined {
  return kernels?.lockFile?.(descriptor);
}
