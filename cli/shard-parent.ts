// What a shard and a parent that started it with an IPC channel tell each other.

/** What the shard tells. */
export type ShardMessage =
  | { type: 'loading'; done: number; total: number }
  /** Bytes, while it serves. */
  | { type: 'reading'; done: number; total: number }
  | { type: 'ready'; address: string; port: number };

/** What the parent tells, once all that it starts is there: reading ahead takes cores and disk from the others. */
export interface ReadAheadMessage {
  type: 'read-ahead';
}

/** Experts are checked even if the parent never says so. Milliseconds. */
const LONGEST_UNREAD = 30_000;

export function hasParent(): boolean {
  return process.send !== undefined;
}

export function tellParent(message: ShardMessage): void {
  process.send?.(message);
}

/** Resolves when the parent says so. */
export function toldToRead(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, LONGEST_UNREAD).unref();
    process.once('message', (_: ReadAheadMessage) => resolve());
  });
}
