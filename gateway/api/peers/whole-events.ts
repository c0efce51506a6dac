// Joins the bytes of a stream of server-sent events to whole events, and counts the events.

const NEWLINE = 0x0a;

/** Keeps the bytes after the last whole event until the next event is complete, because half of its data is not valid JSON. */
export class WholeEvents {
  /** Number of events with data. Comments do not count. */
  count = 0;
  #held: Uint8Array[] = [];

  /** The events that `bytes` completes. Empty if it completes none. */
  push(bytes: Uint8Array): Uint8Array {
    const piece = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const end = this.#endOfLast(piece);
    if (end === 0) {
      if (piece.length > 0) this.#held.push(piece);
      return piece.subarray(0, 0);
    }
    const whole = Buffer.concat([...this.#held, piece.subarray(0, end)]);
    this.#held = end < piece.length ? [piece.subarray(end)] : [];
    this.#count(whole);
    return whole;
  }

  /** The bytes after the last whole event, for the end of the stream. */
  rest(): Uint8Array {
    return Buffer.concat(this.#held.splice(0));
  }

  #endOfLast(piece: Buffer): number {
    const at = piece.lastIndexOf('\n\n');
    if (at >= 0) return at + 2;
    return piece[0] === NEWLINE && this.#held.at(-1)?.at(-1) === NEWLINE ? 1 : 0;
  }

  /** The data are JSON texts, which contain no line breaks. So every line begins with the name of a field. */
  #count(whole: Buffer): void {
    if (whole.indexOf('data:') === 0) this.count++;
    for (let at = whole.indexOf('\ndata:'); at >= 0; at = whole.indexOf('\ndata:', at + 1)) this.count++;
  }
}
