// Lets server-sent events through one by one though their bytes come in any pieces, and counts them. Knows no endpoint.

const NEWLINE = 0x0a;

/** What is behind the last whole event can be dropped where its rest never comes: half an event is no JSON. */
export class WholeEvents {
  /** Events with data: comments are none. */
  count = 0;
  #held: Uint8Array[] = [];

  /** The events that `bytes` completes; empty where it completes none. */
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

  /** What was held back, where the stream came to its end. */
  rest(): Uint8Array {
    return Buffer.concat(this.#held.splice(0));
  }

  #endOfLast(piece: Buffer): number {
    const at = piece.lastIndexOf('\n\n');
    if (at >= 0) return at + 2;
    return piece[0] === NEWLINE && this.#held.at(-1)?.at(-1) === NEWLINE ? 1 : 0;
  }

  /** JSON has no line breaks: what stands at the beginning of a line is the field's name. */
  #count(whole: Buffer): void {
    if (whole.indexOf('data:') === 0) this.count++;
    for (let at = whole.indexOf('\ndata:'); at >= 0; at = whole.indexOf('\ndata:', at + 1)) this.count++;
  }
}
