// Frames of a byte stream: a 4-byte big-endian length, then that many bytes. Pure.
import { RpcError } from './errors.ts';

export const headerBytes = 4;
export const defaultFrameBytes = 32 * 1024 * 1024;

/** Writes the payload's length into the first 4 bytes of `frame`. Throws if the payload has more than `maxBytes`. */
export function writeFrameHeader(frame: Buffer, maxBytes: number = defaultFrameBytes): void {
  const payloadBytes = frame.length - headerBytes;
  if (payloadBytes > maxBytes) {
    throw new RpcError('invalid', `a frame of ${payloadBytes} bytes exceeds the limit of ${maxBytes}`);
  }
  frame.writeUInt32BE(payloadBytes);
}

/**
 * Cuts a stream, which comes in chunks of any size, into frames. A frame within one chunk is a view of the chunk. A frame that
 * spans chunks is copied once. Memory grows with the received bytes, never with the announced length.
 */
export class FrameSplitter {
  /** Largest payload. May be raised once the peer is trusted. */
  maxBytes: number;
  #chunks: Uint8Array[] = [];
  /** Bytes in `#chunks`. */
  #held = 0;
  /** Bytes needed before the next cut: a header, or a header and its payload. */
  #needed = headerBytes;

  constructor(maxBytes: number = defaultFrameBytes) {
    this.maxBytes = maxBytes;
  }

  /** Returns the frames that `chunk` completes, in order. Throws on a length of 0 or over the limit. The stream is then unusable. */
  push(chunk: Uint8Array): Uint8Array[] {
    this.#chunks.push(chunk);
    this.#held += chunk.length;
    if (this.#held < this.#needed) return [];
    const bytes = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks, this.#held);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const frames: Uint8Array[] = [];
    let at = 0;
    this.#needed = headerBytes;
    while (bytes.length - at >= headerBytes) {
      const length = view.getUint32(at);
      if (length === 0 || length > this.maxBytes) throw refused(length, this.maxBytes);
      if (bytes.length - at - headerBytes < length) {
        this.#needed = headerBytes + length;
        break;
      }
      frames.push(bytes.subarray(at + headerBytes, at + headerBytes + length));
      at += headerBytes + length;
    }
    this.#chunks = at === bytes.length ? [] : [bytes.subarray(at)];
    this.#held = bytes.length - at;
    return frames;
  }
}

/** First two bytes of a TLS record (content type and major version): of a handshake and of an alert. */
const tlsRecords = [0x1603, 0x1503];

function refused(length: number, maxBytes: number): RpcError {
  if (tlsRecords.includes(length >>> 16)) {
    return new RpcError('unproven', 'the other side speaks TLS, this side does not: give both certificates');
  }
  return new RpcError('invalid', `a frame announces ${length} bytes; 1 to ${maxBytes} are allowed`);
}
