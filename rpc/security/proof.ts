// Proof of a shared secret: what both ends of a connection compute and compare. Knows no sockets and no messages.
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Params, Value } from '../transport.ts';

export const nonceBytes = 32;

/** Stands for the TLS connection where there is none. */
export const noChannel = new Uint8Array(32);

/** All that a proof is bound to: it is worth nothing on another connection, in another role or from the other side. */
export interface Handshake {
  /** `[32]`, drawn for this connection. */
  callerNonce: Uint8Array;
  /** `[32]`, drawn for this connection. */
  serverNonce: Uint8Array;
  /** `[32]`: exported from the TLS connection (RFC 9266, tls-exporter), or zeros without TLS. */
  channel: Uint8Array;
  /** Of the hello, as are the next. */
  protocol: number;
  role: string;
}

export function freshNonce(): Buffer {
  return randomBytes(nonceBytes);
}

/** HMAC-SHA256, `[32]`. The side is in it, so that neither can send the other's proof back. */
export function proofOf(
  secret: Uint8Array,
  side: 'caller' | 'server',
  { callerNonce, serverNonce, channel, protocol, role }: Handshake,
): Buffer {
  const version = Buffer.alloc(4);
  version.writeUInt32BE(protocol);
  // Every part but the last has a fixed length: no two handshakes give the same bytes.
  return createHmac('sha256', secret)
    .update(`expertgrid hello 1 ${side}\0`)
    .update(callerNonce)
    .update(serverNonce)
    .update(channel)
    .update(version)
    .update(role)
    .digest();
}

/** In a time that does not depend on where they differ. */
export function isProof(given: Value | undefined, expected: Buffer): boolean {
  return given instanceof Uint8Array && given.length === expected.length && timingSafeEqual(given, expected);
}

/** What of a hello is proven. A field that is missing or malformed counts as 0 or empty: its own parser refuses it. */
export function provenFields({ protocol, role }: Params): Pick<Handshake, 'protocol' | 'role'> {
  const isVersion = typeof protocol === 'number' && Number.isInteger(protocol);
  return {
    protocol: isVersion && protocol >= 0 && protocol <= 0xffff_ffff ? protocol : 0,
    role: typeof role === 'string' ? role : '',
  };
}
