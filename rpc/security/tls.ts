// Mutual TLS for both ends of a connection: decides whether a certificate is accepted, and says why not. Reads no files.
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
  /** Called for each connection, because the files may change. */
  material: () => TlsMaterial;
  /**
   * Allowed names. A `*` in a name stands for any text. A peer's certificate must have one of these names. A server's
   * certificate is also accepted if it has the name of the host to which the caller connects.
   */
  peers: readonly string[];
}

const minVersion = 'TLSv1.3';

/**
 * Every caller must show a certificate. `refusalOf` checks it after the handshake and before any message is read, so that the
 * caller gets a reason; during the handshake, the server could only close the connection. Session tickets are off, because a
 * resumed session would be checked against the authorities that were trusted when the session began.
 */
export function serverTlsOptions(material: TlsMaterial): TlsOptions {
  const secureOptions = crypto.SSL_OP_NO_TICKET;
  return { ...material, minVersion, requestCert: true, rejectUnauthorized: false, secureOptions };
}

/** Why a caller is refused after its handshake; undefined if it is accepted. */
export function refusalOf(socket: TLSSocket, peers: readonly string[]): RpcError | undefined {
  const certificate = socket.getPeerCertificate();
  if (Object.keys(certificate).length === 0) {
    const message = 'the caller has no certificate: give it --tls-cert, --tls-key and --tls-ca';
    return new RpcError('unproven', message);
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
    rejectUnauthorized: true, // so that NODE_TLS_REJECT_UNAUTHORIZED cannot turn it off
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

/** Names in the peer's certificate; empty without TLS. */
export function peerNamesOf(socket: Socket): string[] {
  return socket instanceof TLSSocket ? certificateNames(socket.getPeerCertificate()) : [];
}

/** `[32]`, unique to the TLS connection and the same at both ends (RFC 9266); zeros without TLS. */
export function channelOf(socket: Socket): Uint8Array {
  if (!(socket instanceof TLSSocket)) return noChannel;
  return socket.exportKeyingMaterial(noChannel.length, 'EXPORTER-Channel-Binding', Buffer.alloc(0));
}

/** The error code for a failed socket: `unproven` if TLS failed, `unavailable` if the network failed. */
export function lossCode(cause: Error): RpcErrorCode {
  if (cause instanceof RpcError) return cause.code;
  const code = 'code' in cause && typeof cause.code === 'string' ? cause.code : undefined;
  if (code === undefined) return 'unavailable';
  // A failed TLS write has the system code EPROTO. All other TLS failures have codes of OpenSSL.
  const fromSystem = 'syscall' in cause || Object.hasOwn(system.errno, code);
  return code !== 'EPROTO' && fromSystem ? 'unavailable' : 'unproven';
}
