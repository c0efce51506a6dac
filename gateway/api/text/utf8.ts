// Decodes UTF-8 bytes that arrive in pieces of any length. An incomplete character is held back until its last byte arrives.

/** Length of the longest incomplete character in bytes: three of the four bytes of a long character. */
const LONGEST_TAIL = 3;

export class Utf8Stream {
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  #tail = new Uint8Array(0);

  /** Whether the bytes so far end with an incomplete character. */
  get pending(): boolean {
    return this.#tail.length > 0;
  }

  /** Returns the characters that `bytes` completes. Invalid sequences become U+FFFD, as in the WHATWG decoder. */
  push(bytes: Uint8Array): string {
    const joined = new Uint8Array(this.#tail.length + bytes.length);
    joined.set(this.#tail);
    joined.set(bytes, this.#tail.length);
    const complete = completeLength(joined);
    this.#tail = joined.slice(complete);
    return this.#decoder.decode(joined.subarray(0, complete));
  }

  /** Ends the text. An incomplete character becomes U+FFFD. */
  end(): string {
    const rest = this.#decoder.decode(this.#tail);
    this.#tail = new Uint8Array(0);
    return rest;
  }
}

/**
 * Number of leading bytes that can be decoded now. The remaining bytes are an incomplete character, which begins with a lead byte. A
 * cut just before a lead byte does not change how the bytes on either side are decoded.
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

/** Number of bytes of the character that starts with this lead byte. 1 for ASCII and for bytes that are not lead bytes. */
function sequenceLength(lead: number): number {
  if (lead >= 0xc2 && lead <= 0xdf) return 2;
  if (lead >= 0xe0 && lead <= 0xef) return 3;
  if (lead >= 0xf0 && lead <= 0xf4) return 4;
  return 1;
}
