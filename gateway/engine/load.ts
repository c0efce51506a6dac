// How busy an engine is, in memory that other threads can read at any time: a router that asks every 50 ms must not interrupt steps.

export interface EngineLoad {
  /** Sequences in the running set, and sequences that wait for admission. */
  running: number;
  waiting: number;
  /** When the sequence at the head of the queue came, in Unix milliseconds. 0: none waits. */
  waitingSince: number;
  /** Blocks of KV memory in use, all blocks, and positions in each block. */
  usedBlocks: number;
  blocks: number;
  blockSize: number;
  /** Prompt tokens since the start, and how many of them were found in the prefix cache. */
  promptTokens: number;
  cachedTokens: number;
}

const zeros: EngineLoad = {
  running: 0,
  waiting: 0,
  waitingSince: 0,
  usedBlocks: 0,
  blocks: 0,
  blockSize: 0,
  promptTokens: 0,
  cachedTokens: 0,
};
const fields = Object.keys(zeros) as (keyof EngineLoad)[];

/** A reader may see some numbers of one moment and some of the next. */
export class LoadBoard {
  readonly buffer: SharedArrayBuffer;
  readonly #cells: Float64Array;

  /** Without a buffer, makes one with zeros. */
  constructor(buffer = new SharedArrayBuffer(fields.length * Float64Array.BYTES_PER_ELEMENT)) {
    this.buffer = buffer;
    this.#cells = new Float64Array(buffer);
  }

  write(load: EngineLoad): void {
    for (const [i, field] of fields.entries()) this.#cells[i] = load[field];
  }

  read(): EngineLoad {
    const load = { ...zeros };
    for (const [i, field] of fields.entries()) load[field] = this.#cells[i]!;
    return load;
  }
}
