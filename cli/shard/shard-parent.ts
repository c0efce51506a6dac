// The messages between a shard and a parent that started it with an IPC channel.

/** Messages of the shard. */
export type ShardMessage =
  | { type: 'loading'; done: number; total: number }
  /** Bytes read ahead, while it serves. */
  | { type: 'reading'; done: number; total: number }
  | { type: 'ready'; address: string; port: number }
  /** Why the shard ends before it serves. */
  | { type: 'failed'; message: string };

/** Message of the parent when everything that it starts is ready, because reading ahead takes cores and disk from the others. */
export interface ReadAheadMessage {
  type: 'read-ahead';
}

/** Reading ahead begins after this time even without a message, because it also checks the experts. */
const LONGEST_UNREAD_MS = 30_000;

export function hasParent(): boolean {
  return process.send !== undefined;
}

export function tellParent(message: ShardMessage): void {
  process.send?.(message);
}

/** Tells the parent why the shard cannot serve, and ends. The parent reports it to the user. */
export function failBefore(message: string): Promise<never> {
  return new Promise(() => {
    process.channel?.ref(); // keeps the process until the message is sent
    process.send?.({ type: 'failed', message } satisfies ShardMessage, () => process.exit(1));
  });
}

/** Resolves when the parent lets the shard read ahead. */
export function toldToRead(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, LONGEST_UNREAD_MS).unref();
    process.once('message', (_: ReadAheadMessage) => resolve());
  });
}
