// The seam of a dense device: everything of a layer but its experts. The device owns KV memory; the engine names
// sequences and spans of rows. Knows no tokens' meaning, no sampling, no network.
//
// Worked example, one step that prefills 3 prompt positions of sequence 7 and decodes position 12 of sequence 4:
//   spans = [{ sequence: 7, start: 0, count: 3, blocks: [5] }, { sequence: 4, start: 12, count: 1, blocks: [0] }]
//   hidden = embed([id, id, id, id])              // Float32Array [4 * d]
//   for l: { residual, x, scores } = layer(l, hidden, spans); …experts…; hidden = combine(residual, answers)
//   logits = head(rows 2 and 3 of hidden)         // Float32Array [2 * vocab]

/** Rows `[count, width]` of float32, row after row. */
export type Rows = Float32Array;

export interface Span {
  /** A name the engine opened. */
  sequence: number;
  /** Position of the span's first row; K and V of all positions before it are in the cache. */
  start: number;
  /** Rows of the step that belong to it, consecutive in the step and in position. */
  count: number;
  /** Where the sequence's K and V lie: block `i` holds positions from `i * blockSize`. */
  blocks: readonly number[];
}

/** KV memory as the engine counts it: in blocks of positions. */
export interface KvShape {
  /** Positions. */
  blockSize: number;
  /** Bytes that a block costs at most, all layers together. */
  blockBytes: number;
  /** Whether sequences may name the same block: a prefix computed once then serves many. */
  shared: boolean;
}

export interface LayerOutput {
  /** Residual stream after attention. `[rows, hidden]` */
  residual: Rows;
  /** Its normed rows: the experts' input. `[rows, hidden]` */
  x: Rows;
  /** The router's raw scores (logits), before softmax or sigmoid. `[rows, experts]` */
  scores: Rows;
}

export interface DenseDevice {
  /** What decides the bits of an answer: device, runtime version, precision, group, instruction set. */
  readonly numericsClass: string;
  /**
   * How the device wants prompts cut: a chunk of a prompt never has fewer rows than this (unless the whole prompt
   * does), so that a position's bits do not depend on how the prompt was cut.
   */
  readonly minPrefillRows: number;
  readonly kv: KvShape;
  /** Makes `blocks` blocks of KV memory; called once, before any sequence is opened. */
  allocate(blocks: number): void;
  /** Opens an empty sequence; throws if the name is open. */
  open(sequence: number): void;
  /** Frees a sequence's KV memory; unknown names throw. */
  close(sequence: number): void;
  embed(ids: Int32Array): Rows;
  /** One layer's attention, norms and router scores; appends the rows' K and V to their sequences. */
  layer(layer: number, hidden: Rows, spans: readonly Span[]): Promise<LayerOutput>;
  /**
   * Final norm and output projection. `rows [n, hidden] → logits [n, vocab]`, in `into` if the device can and it is large
   * enough: a row of logits may be most of a megabyte.
   */
  head(rows: Rows, into?: Rows): Promise<Rows>;
  dispose(): Promise<void>;
}
