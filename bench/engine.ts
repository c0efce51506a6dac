// Interface of an engine in the comparison: expertgrid or llama.cpp.
// All times are milliseconds since the Unix epoch, so that times of two processes can be subtracted.

export interface Task {
  /** Token ids of each prompt. */
  prompts: number[][];
  /** Number of tokens to generate after each prompt. */
  tokens: number;
  temperature: number;
  topP: number;
}

export interface Stream {
  /** Arrival of each event. An event has several tokens if some of them have no text of their own. */
  times: number[];
  /** Number of tokens, as the engine counts them. */
  tokens: number;
}

/** Result of a task, with a stream for each prompt. */
export interface Generation {
  startedAt: number;
  streams: Stream[];
}

export interface RunningEngine {
  /** Id of the process that started all other processes of the engine. */
  pid: number;
  generate(task: Task): Promise<Generation>;
  /** Lower bound of the memory that keys and values take after `task`. Bytes. */
  keyValueBytes(task: Task): number;
  stop(): Promise<void>;
}

export interface Engine {
  name: string;
  /** Files with the weights. */
  files: readonly string[];
  /** Whether the engine computes on the mapped files. If so, whole files count as its memory. */
  inPlace: boolean;
  /** Starts a fresh process and resolves when it is ready for a task. */
  start(): Promise<RunningEngine>;
}

/** Milliseconds since the Unix epoch, with the resolution of `performance.now()`. */
export const now = () => performance.timeOrigin + performance.now();
