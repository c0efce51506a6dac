// Mutual TLS for both ends of a connection: which certificates are accepted, and why one is refused. Reads no files.
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
import { noChannel } from './hello-mac.ts';
import { certificateNames, isNameAllowed } from './peer-names.ts';

/** PEM. */
export interface TlsMaterial {
  cert: Buffer;
  key: Buffer;
  /** The only authorities whose certificates are accepted. */
  ca: Buffer;
}

export interface TlsIdentity {
  /** Read anew for each connection, because the files may change. */
  material: () => TlsMaterial;
  /**
   * Allowed names; one `*` in a name stands for any text. A peer's certificate must carry one of them. A certificate that
   * names the host that was dialled needs none.
   */
  peers: readonly string[];
}

const minVersion = 'TLSv1.3';

/**
 * Every caller must show a certificate. It is checked by `refusalOf` after the handshake, which could only hang up, so that the
 * caller gets the reason. Nothing that the caller sends is read before. Session tickets are off, because a resumed session
 * would be checked against the authorities of the day it began.
 */
export function serverTlsOptions(material: TlsMaterial): TlsOptions {
  const secureOptions = crypto.SSL_OP_NO_TICKET;
  return { ...material, minVersion, requestCert: true, rejectUnauthorized: false, secureOptions };
}

/** Why a caller is not let in after its handshake; undefined if it is. */
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
    rejectUnauthorized: true, // the environment cannot turn it off
    ...(isIP(host) === 0 && { servername: host }), // an IP address must not be sent as a name
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

/** Names in the peer's certificate; none without TLS. */
export function peerNamesOf(socket: Socket): string[] {
  return socket instanceof TLSSocket ? certificateNames(socket.getPeerCertificate()) : [];
}

/** `[32]`: the same at both ends of one TLS connection and of no other (RFC 9266); zeros without TLS. */
export function channelOf(socket: Socket): Uint8Array {
  if (!(socket instanceof TLSSocket)) return noChannel;
  return socket.exportKeyingMaterial(noChannel.length, 'EXPORTER-Channel-Binding', Buffer.alloc(0));
}

/** `unproven` if the two ends did not agree on TLS, `unavailable` if the network failed. */
export function lossCode(cause: Error): RpcErrorCode {
  if (cause instanceof RpcError) return cause.code;
  const code = 'code' in cause && typeof cause.code === 'string' ? cause.code : undefined;
  if (code === undefined) return 'unavailable';
  // A failed TLS write has the code EPROTO. All other TLS failures have codes of OpenSSL, which are no system codes.
  const fromSystem = 'syscall' in cause || Object.hasOwn(system.errno, code);
  return code !== 'EPROTO' && fromSystem ? 'unavailable' : 'unproven';
}
