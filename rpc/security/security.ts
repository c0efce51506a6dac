// The credentials of a transport or a server: a shared secret, a TLS identity, both, or neither on loopback.
import type { TlsIdentity } from './tls.ts';

export interface Security {
  /** The secret that both sides share, at least 16 bytes. Read anew for each connection, because its file may change. */
  secret?: () => Uint8Array;
  tls?: TlsIdentity;
}
