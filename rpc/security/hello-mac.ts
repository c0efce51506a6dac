// The message authentication code (MAC) with which each side of a connection proves that it has the shared secret. On the wire it
// is the field `proof`. Knows no sockets and no messages.
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Params, Value } from '../transport.ts';

export const nonceBytes = 32;

/** `Handshake.channel` without TLS. */
export const noChannel = new Uint8Array(32);

/** Input of the MAC, so that the MAC is invalid on any other connection and for any other role. */
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

/** HMAC-SHA256, `[32]`. It covers `side`, so that neither side can send the other's MAC back as its own. */
export function macOf(
  secret: Uint8Array,
  side: 'caller' | 'server',
  { callerNonce, serverNonce, channel, protocol, role }: Handshake,
): Buffer {
  const version = Buffer.alloc(4);
  version.writeUInt32BE(protocol);
  // All parts except the last have a fixed length, so different handshakes never give the same bytes.
  return createHmac('sha256', secret)
    .update(`expertgrid hello 1 ${side}\0`)
    .update(callerNonce)
    .update(serverNonce)
    .update(channel)
    .update(version)
    .update(role)
    .digest();
}

/** Takes the same time for every wrong value of the right length. */
export function isMac(given: Value | undefined, expected: Buffer): boolean {
  return given instanceof Uint8Array && given.length === expected.length && timingSafeEqual(given, expected);
}

/** The fields of a hello that the MAC covers. A malformed field counts as 0 or empty here; the parser of hello refuses it. */
export function macFields({ protocol, role }: Params): Pick<Handshake, 'protocol' | 'role'> {
  const isVersion = typeof protocol === 'number' && Number.isInteger(protocol);
  return {
    protocol: isVersion && protocol >= 0 && protocol <= 0xffff_ffff ? protocol : 0,
    role: typeof role === 'string' ? role : '',
  };
}
