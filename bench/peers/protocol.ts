// Options of the child process that runs llama.cpp (measure.ts), and its messages over the IPC channel. It receives a `Task`.

export interface PeerOptions {
  modelPath: string;
  threads: number;
  flashAttention: boolean | 'auto';
}

export type PeerMessage =
  | { type: 'ready' }
  | { type: 'error'; message: string }
  /** `tokenTimes` has a list for each prompt. Times are milliseconds since the Unix epoch. */
  | { type: 'done'; startedAt: number; tokenTimes: number[][] };
