// Types of the addon's functions for connections: sockets that it reads itself, calls that it serves, and the exchange of a hop.
// These functions belong to the JavaScript thread that calls them. Linux and macOS only.

declare const kind: unique symbol;

/** A connection that the addon reads and writes. */
export interface Wire {
  readonly [kind]: 'wire';
}

/** Which `expert.run` calls the addon answers without JavaScript. */
export interface Serving {
  readonly [kind]: 'serving';
}

export interface WireEvents {
  /** Bytes of the stream, cut anywhere. */
  onBytes(bytes: Uint8Array): void;
  /** A whole frame that was to be served and could not be. It may come between any two calls of `onBytes`. */
  onFrame(frame: Uint8Array): void;
  /** Called once. `code`: the system's error code, such as `ECONNRESET`; undefined if either side has ended the connection. */
  onClosed(code: string | undefined): void;
}

/** In the plan of an exchange, each frame has these integers, then its rows, then its pairs (index of a row, expert). */
export const planFields = ['id', 'priority', 'deadlineMs', 'rows', 'asks', 'state'] as const;

/** `state` after an exchange. A frame that was not sent must be sent another way. */
export const frameStates = ['not_sent', 'sent', 'answered'] as const;

/** Most frames of an exchange. */
export const MOST_EXCHANGED = 64;

/** Most rows, and most pairs (row, expert), of one frame of an exchange. */
export const MOST_EXCHANGED_ROWS = 65_536;

/** Longest identity of a model in calls of the fast path, in bytes. */
export const MOST_IDENTITY_BYTES = 255;

/** Size of the array for `takeSamples`. */
export const SAMPLES = 65_536;

export interface WireKernels {
  /**
   * Watches a duplicate of the descriptor of a connected TCP socket; the caller closes its own. The connection is closed with
   * ENOBUFS if more than `mostUnsent` bytes wait to be sent. Returns undefined if the system refuses, for example because the process
   * has no descriptor left.
   */
  openWire(file: number, mostUnsent: number, events: WireEvents): Wire | undefined;
  /** Sends or queues the bytes. Returns false on a connection that takes no more bytes. */
  writeWire(wire: Wire, bytes: Uint8Array): boolean;
  /** Closes the sending side when everything is sent, and the connection when the peer closes its side. */
  endWire(wire: Wire): void;
  closeWire(wire: Wire): void;
  /** Writes the numbers of received and sent bytes to `out [2]`. */
  traffic(wire: Wire, out: Float64Array): void;

  /** Calls on this connection are served from now on, until it closes. A connection keeps its serving. */
  serveWire(wire: Wire, serving: Serving): void;
  /** Whether a call with this id waits for its turn. */
  hasServed(wire: Wire, id: number): boolean;
  /** Drops a served call that waits for its turn. Returns false if there is none with this id. */
  cancelServed(wire: Wire, id: number): boolean;
  /**
   * Limits: (row, expert) pairs of one run and of the queue, calls of one connection, bytes of a frame; and how many turns may pass
   * over the oldest call.
   */
  serving(
    batchAsks: number,
    queuedAsks: number,
    runningCalls: number,
    frameBytes: number,
    passedOver: number,
  ): Serving;
  /** Returns the number of the model for `serveUnit`, or -1 if there are too many models. */
  serveModel(
    serving: Serving,
    identity: string,
    layers: number,
    experts: number,
    hidden: number,
    mostRows: number,
    mostAsks: number,
  ): number;
  /**
   * The caller must keep `matrices` alive until the unit was shut and the calls that came before have ended. All units of a model must
   * have the same inner width.
   */
  serveUnit(
    serving: Serving,
    model: number,
    layer: number,
    expert: number,
    matrices: { readonly hidden: number; readonly inner: number },
  ): void;
  /** Leaves new calls of the unit to JavaScript. */
  shutUnit(serving: Serving, model: number, layer: number, expert: number): void;
  /** Leaves all new calls to JavaScript. */
  stopServing(serving: Serving): void;
  /**
   * Writes to `out [5]`: queued calls, queued pairs (row, expert), the ticket of the oldest queued call, the next call's ticket, and
   * the number of answered calls.
   */
  servingCounts(serving: Serving, out: Float64Array): void;
  /**
   * Moves the samples of runs to `out [SAMPLES]` and returns how many doubles they are. A sample has the number of calls, of pairs
   * of decode rows, of pairs of prefill rows, of experts, the milliseconds of the run, and the milliseconds that each call waited.
   */
  takeSamples(serving: Serving, out: Float64Array): number;

  /**
   * Sends the frames of one layer, one for each element of `wires`, and waits for their answers. Frames whose state is `sent` are
   * only waited for. Writes each frame's state to `plan`, and the answers to `answers [asks of all frames, hidden]`, frame after
   * frame. Ends early when anything but a good answer comes. Returns the microseconds that the thread slept.
   */
  exchange(
    wires: readonly Wire[],
    plan: Int32Array,
    x: Float32Array,
    hidden: number,
    layer: number,
    epoch: number,
    model: string,
    answers: Float32Array,
    waitMicroseconds: number,
  ): number;
}
