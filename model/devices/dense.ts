// The interface of dense devices, which compute everything but the experts. The device owns the KV memory, and the engine names
// sequences and spans of rows. The engine itself samples tokens and adds up the experts' answers.
//
// Worked example, one step that prefills 3 prompt positions of sequence 7 and decodes position 12 of sequence 4:
//   spans = [{ sequence: 7, start: 0, count: 3, blocks: [5] }, { sequence: 4, start: 12, count: 1, blocks: [0] }]
//   hidden = embed([id, id, id, id])              // Float32Array [4 * d]
//   for l: { residual, x, scores } = layer(l, hidden, spans); …experts…; hidden = combine(residual, answers)
//   logits = head(rows 2 and 3 of hidden)         // Float32Array [2 * vocab]

/** Rows `[count, width]` of float32, row after row. */
export type Rows = Float32Array;

export interface Span {
  /** Name of an open sequence. */
  sequence: number;
  /** Position of the span's first row. K and V of all positions before it are in the cache. */
  start: number;
  /** Rows of the span, consecutive in the step and in position. */
  count: number;
  /** Where the sequence's K and V lie: block `i` holds positions from `i * blockSize`. */
  blocks: readonly number[];
}

/** The KV memory as the engine counts it, in blocks of positions. */
export interface KvShape {
  /** Positions in a block. */
  blockSize: number;
  /** Most bytes that a block takes, all layers together. */
  blockBytes: number;
  /** Whether several sequences may use one block, so that a prefix is computed once for all. */
  shared: boolean;
}

export interface LayerOutput {
  /** Residual stream after attention, and after the layer's MLP or shared expert, if it has one. `[rows, hidden]` */
  residual: Rows;
  /** The residual stream after the norm, which is the experts' input. `[rows, hidden]`; empty in a layer without experts. */
  x: Rows;
  /** The router's scores before softmax or sigmoid. `[rows, experts]`; empty in a layer without experts. */
  scores: Rows;
}

/** Access to the bytes of blocks, so that another device of the same numerics class and shape can go on with them. */
export interface KvPages {
  /** Bytes of a block. */
  blockBytes: number;
  /** The keys and values of a block, all layers together. */
  read(block: number): Uint8Array;
  /** Overwrites a block with bytes that `read` has returned. */
  write(block: number, bytes: Uint8Array): void;
}

export interface DenseDevice {
  /** A string of everything that decides an answer's bits: device, runtime version, precision, group, instruction set. */
  readonly numericsClass: string;
  /**
   * Fewest rows in a chunk of a prompt, unless the whole prompt is shorter. If no chunk has fewer rows, a position's bits do not
   * depend on how the prompt was cut.
   */
  readonly minPrefillRows: number;
  readonly kv: KvShape;
  /** Absent: the blocks cannot be read. */
  readonly pages?: KvPages;
  /** Allocates `blocks` blocks of KV memory. Called once, before any sequence is opened. */
  allocate(blocks: number): void;
  /** Opens an empty sequence. Throws if the name is open. */
  open(sequence: number): void;
  /** Frees a sequence's KV memory. Throws if the name is unknown. */
  close(sequence: number): void;
  embed(ids: Int32Array): Rows;
  /** One layer except its experts: attention, norms, MLP or shared expert, and router scores. Appends the rows' K and V to their sequences. */
  layer(layer: number, hidden: Rows, spans: readonly Span[]): Promise<LayerOutput>;
  /**
   * Final norm and output projection: `rows [n, hidden] → logits [n, vocab]`. The device may write the logits to `into` if
   * that is large enough. This saves allocations, because a row of logits may take most of a megabyte.
   */
  head(rows: Rows, into?: Rows): Promise<Rows>;
  dispose(): Promise<void>;
}
