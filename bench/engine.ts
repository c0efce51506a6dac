// The interface of an engine, ours or a peer's: start it, let it generate, look at its processes, end it.
// All times are milliseconds since the Unix epoch, so that those of two processes can be subtracted.

export interface Task {
  prompts: number[][];
  /** Number of tokens to generate after each prompt. */
  tokens: number;
  temperature: number;
  topP: number;
}

export interface Stream {
  /** Arrivals, in order. One may have several tokens if some have no text of their own. */
  times: number[];
  /** As the engine counts them. */
  tokens: number;
}

export interface Generation {
  startedAt: number;
  streams: Stream[];
}

export interface RunningEngine {
  /** The parent of all its processes. */
  pid: number;
  generate(task: Task): Promise<Generation>;
  /** Memory held by keys and values after `task`, at least. Bytes. */
  keyValueBytes(task: Task): number;
  stop(): Promise<void>;
}

export interface Engine {
  name: string;
  /** Files that it reads its weights from. */
  files: readonly string[];
  /** Whether it computes on the mapped files, so that all of them count when every expert was used. */
  inPlace: boolean;
  /** A fresh process, ready for a task. */
  start(): Promise<RunningEngine>;
}

export const now = () => performance.timeOrigin + performance.now();
