// Turns bytes that arrive in arbitrary pieces into text, and holds back incomplete characters.

/** Longest incomplete character: three of four bytes. */
const LONGEST_TAIL = 3;

export class Utf8Stream {
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  #tail = new Uint8Array(0);

  /** Whether the bytes so far end inside a character. */
  get pending(): boolean {
    return this.#tail.length > 0;
  }

  /** The characters that `bytes` completes. Invalid sequences become U+FFFD, as in the WHATWG decoder. */
  push(bytes: Uint8Array): string {
    const joined = new Uint8Array(this.#tail.length + bytes.length);
    joined.set(this.#tail);
    joined.set(bytes, this.#tail.length);
    const complete = completeLength(joined);
    this.#tail = joined.slice(complete);
    return this.#decoder.decode(joined.subarray(0, complete));
  }

  /** Ends the bytes. An incomplete character becomes U+FFFD. */
  end(): string {
    const rest = this.#decoder.decode(this.#tail);
    this.#tail = new Uint8Array(0);
    return rest;
  }
}

/**
 * How many leading bytes can be decoded now. The rest starts with a lead byte whose continuation has not arrived. A cut just
 * before a lead byte never changes how either side is decoded.
 */
function completeLength(bytes: Uint8Array): number {
  const earliest = Math.max(0, bytes.length - LONGEST_TAIL);
  for (let i = bytes.length - 1; i >= earliest; i--) {
    const byte = bytes[i] ?? 0;
    if ((byte & 0xc0) === 0x80) continue;
    return sequenceLength(byte) > bytes.length - i ? i : bytes.length;
  }
  return bytes.length;
}

/** Bytes in the character that starts with this lead byte. 1 for ASCII and for bytes that are not lead bytes. */
function sequenceLength(lead: number): number {
  if (lead >= 0xc2 && lead <= 0xdf) return 2;
  if (lead >= 0xe0 && lead <= 0xef) return 3;
  if (lead >= 0xf0 && lead <= 0xf4) return 4;
  return 1;
}
