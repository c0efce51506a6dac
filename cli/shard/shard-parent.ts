// The messages between a shard and the parent process that started it with an IPC channel.

/** Messages from the shard to its parent. */
export type ShardMessage =
  /** Progress of loading: numbers of units. Sent before the shard serves. */
  | { type: 'loading'; done: number; total: number }
  /** Progress of reading experts ahead: numbers of bytes. Sent while the shard serves. */
  | { type: 'reading'; done: number; total: number }
  | { type: 'ready'; address: string; port: number }
  /** The shard leaves service because of a signal or an operator's drain, not because of a fault. Sent when its drain begins. */
  | { type: 'leaving' }
  /** The reason why the shard cannot serve; its process then ends. */
  | { type: 'failed'; message: string };

/**
 * Message from the parent when all its processes are ready. Reading ahead uses cores and disk that other processes need to start.
 */
export interface ReadAheadMessage {
  type: 'read-ahead';
}

/** Reading ahead begins after this time even without a message, because reading ahead also checks the experts' hashes. */
const LONGEST_UNREAD_MS = 30_000;

export function hasParent(): boolean {
  return process.send !== undefined;
}

export function tellParent(message: ShardMessage): void {
  process.send?.(message);
}

/** Sends the parent the reason why the shard cannot serve, and ends the process. The parent shows the reason to the user. */
export function failBefore(message: string): Promise<never> {
  return new Promise(() => {
    process.channel?.ref(); // keeps the process alive until the message is sent
    process.send?.({ type: 'failed', message } satisfies ShardMessage, () => process.exit(1));
  });
}

/** Resolves when the parent sends `ReadAheadMessage`, at the latest after `LONGEST_UNREAD_MS`. */
export function toldToRead(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, LONGEST_UNREAD_MS).unref();
    process.once('message', (_: ReadAheadMessage) => resolve());
  });
}
