// The authentication code (HMAC) by which each end of a connection shows that it has the shared secret. On the wire it is the
// field `proof`. Knows no sockets and no messages.
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Params, Value } from '../transport.ts';

export const nonceBytes = 32;

/** Stands for the TLS connection if there is none. */
export const noChannel = new Uint8Array(32);

/** What a code is computed over, so that it is worth nothing on another connection, in another role or from the other side. */
export interface Handshake {
  /** `[32]`, drawn for this connection. */
  callerNonce: Uint8Array;
  /** `[32]`, drawn for this connection. */
  serverNonce: Uint8Array;
  /** `[32]`: exported from the TLS connection (RFC 9266, tls-exporter), or zeros without TLS. */
  channel: Uint8Array;
  /** Protocol and role are fields of the hello. */
  protocol: number;
  role: string;
}

export function freshNonce(): Buffer {
  return randomBytes(nonceBytes);
}

/** HMAC-SHA256, `[32]`. It covers the side, so that neither side can send the other's code back. */
export function macOf(
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

/** Takes the same time wherever the two differ. */
export function isMac(given: Value | undefined, expected: Buffer): boolean {
  return given instanceof Uint8Array && given.length === expected.length && timingSafeEqual(given, expected);
}

/** The fields of a hello that the code covers. A missing or malformed one counts as 0 or empty; its own parser refuses it. */
export function macFields({ protocol, role }: Params): Pick<Handshake, 'protocol' | 'role'> {
  const isVersion = typeof protocol === 'number' && Number.isInteger(protocol);
  return {
    protocol: isVersion && protocol >= 0 && protocol <= 0xffff_ffff ? protocol : 0,
    role: typeof role === 'string' ? role : '',
  };
}
