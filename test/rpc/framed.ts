// A payload as a frame, for peers that are played by hand.
import { headerBytes, writeFrameHeader } from '../../rpc/frame.ts';

export function framed(payload: Uint8Array, maxBytes?: number): Buffer {
  const frame = Buffer.concat([Buffer.alloc(headerBytes), payload]);
  writeFrameHeader(frame, maxBytes);
  return frame;
}
