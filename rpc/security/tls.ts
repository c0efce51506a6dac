// Mutual TLS as both ends of a connection want it: which certificates are accepted, and why one is not. Knows no frames
// and reads no files.
import { constants as crypto } from 'node:crypto';
import { isIP, type Socket } from 'node:net';
import { constants as system } from 'node:os';
import {
  type ConnectionOptions,
  checkServerIdentity,
  type PeerCertificate,
  TLSSocket,
  type TlsOptions,
} from 'node:tls';
import type { Address } from '../address.ts';
import { RpcError, type RpcErrorCode } from '../errors.ts';
import { certificateNames, isNameAllowed } from './peer-names.ts';
import { noChannel } from './proof.ts';

/** PEM. */
export interface TlsMaterial {
  cert: Buffer;
  key: Buffer;
  /** Authorities whose certificates are accepted; no others are. */
  ca: Buffer;
}

export interface TlsIdentity {
  /** As it is now: asked for at each new connection. */
  material: () => TlsMaterial;
  /**
   * Names, `*` for any text in one of them, of which a peer's certificate must carry one. A certificate that names the
   * host that was dialled needs none.
   */
  peers: readonly string[];
}

const minVersion = 'TLSv1.3';

/**
 * A certificate is asked of every caller, but judged by `refusalOf` and not within the handshake, which could only hang
 * up: so the caller is told why. Nothing it sends is read before. Tickets are off, because a resumed session would be
 * judged by the authorities of the day it began.
 */
export function serverTlsOptions(material: TlsMaterial): TlsOptions {
  const secureOptions = crypto.SSL_OP_NO_TICKET;
  return { ...material, minVersion, requestCert: true, rejectUnauthorized: false, secureOptions };
}

/** Why the caller behind a finished handshake is not let in, or undefined where it is. */
export function refusalOf(socket: TLSSocket, peers: readonly string[]): RpcError | undefined {
  const certificate = socket.getPeerCertificate();
  if (Object.keys(certificate).length === 0) {
    return new RpcError(
      'unproven',
      'the caller has no certificate: give it --tls-cert, --tls-key and --tls-ca',
    );
  }
  if (!socket.authorized) {
    const why = String(socket.authorizationError);
    return new RpcError('unproven', `the caller's certificate is not accepted here: ${why}`);
  }
  const names = certificateNames(certificate);
  if (names.some((name) => isNameAllowed(name, peers))) return undefined;
  return new RpcError(
    'unproven',
    `the caller's certificate names ${names.join(', ') || 'nobody'}; allowed are ${peers.join(', ')}`,
  );
}

export function clientTlsOptions(
  { host, port }: Address,
  { material, peers }: TlsIdentity,
): ConnectionOptions {
  return {
    host,
    port,
    ...material(),
    minVersion,
    rejectUnauthorized: true, // whatever the environment says
    ...(isIP(host) === 0 && { servername: host }), // an address must not be sent as a name
    checkServerIdentity: (_, certificate) => checkServerName(host, certificate, peers),
  };
}

function checkServerName(
  host: string,
  certificate: PeerCertificate,
  peers: readonly string[],
): RpcError | undefined {
  if (checkServerIdentity(host, certificate) === undefined) return undefined;
  const names = certificateNames(certificate);
  if (names.some((name) => isNameAllowed(name, peers))) return undefined;
  return new RpcError(
    'unproven',
    `its certificate names ${names.join(', ') || 'nobody'}, not ${[host, ...peers].join(' or ')}`,
  );
}

/** Of the certificate at the other end; none without TLS. */
export function peerNamesOf(socket: Socket): string[] {
  return socket instanceof TLSSocket ? certificateNames(socket.getPeerCertificate()) : [];
}

/** `[32]`: the same at both ends of one TLS connection and of no other (RFC 9266); zeros without TLS. */
export function channelOf(socket: Socket): Uint8Array {
  if (!(socket instanceof TLSSocket)) return noChannel;
  return socket.exportKeyingMaterial(noChannel.length, 'EXPORTER-Channel-Binding', Buffer.alloc(0));
}

/** `unproven` where the two ends did not agree on TLS, `unavailable` where the network failed. */
export function lossCode(cause: Error): RpcErrorCode {
  if (cause instanceof RpcError) return cause.code;
  const code = 'code' in cause && typeof cause.code === 'string' ? cause.code : undefined;
  if (code === undefined) return 'unavailable';
  // A failed write of TLS is EPROTO; all its other failures have codes of OpenSSL's, which are no system's.
  const fromSystem = 'syscall' in cause || Object.hasOwn(system.errno, code);
  return code !== 'EPROTO' && fromSystem ? 'unavailable' : 'unproven';
}
