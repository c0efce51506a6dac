// Makes frames for tests that write bytes to a socket.
import { headerBytes, writeFrameHeader } from '../../rpc/frame.ts';

export function framed(payload: Uint8Array, maxBytes?: number): Buffer {
  const frame = Buffer.concat([Buffer.alloc(headerBytes), payload]);
  writeFrameHeader(frame, maxBytes);
  return frame;
}
