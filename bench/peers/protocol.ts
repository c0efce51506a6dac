// What a benchmark and measure.ts say to each other, over the child's IPC channel.

export interface PeerOptions {
  modelPath: string;
  threads: number;
  flashAttention: boolean | 'auto';
}

export interface PeerTask {
  prompts: number[][];
  /** To generate after each prompt. */
  tokens: number;
  temperature: number;
  topP: number;
}

export type PeerMessage =
  | { type: 'ready' }
  | { type: 'error'; message: string }
  /** Milliseconds since the Unix epoch. */
  | { type: 'done'; startedAt: number; tokenTimes: number[][] };
