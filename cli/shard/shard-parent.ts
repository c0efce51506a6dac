// What a shard and a parent that started it with an IPC channel tell each other.

/** What the shard tells. */
export type ShardMessage =
  | { type: 'loading'; done: number; total: number }
  /** Bytes, while it serves. */
  | { type: 'reading'; done: number; total: number }
  | { type: 'ready'; address: string; port: number }
  /** Why it ends before it serves. */
  | { type: 'failed'; message: string };

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

/** Leaves what kept the shard from serving to its parent, who has more to say than the shard's own standard error. */
export function failBefore(message: string): Promise<never> {
  return new Promise(() => {
    process.channel?.ref(); // until it is told
    process.send?.({ type: 'failed', message } satisfies ShardMessage, () => process.exit(1));
  });
}

/** Resolves when the parent says so. */
export function toldToRead(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, LONGEST_UNREAD).unref();
    process.once('message', (_: ReadAheadMessage) => resolve());
  });
}
