// What a transport and a server need to be closed to strangers: either part, both, or neither on loopback.
import type { TlsIdentity } from './tls.ts';

export interface Security {
  /** Known to both sides, at least 16 bytes; asked for at each new connection, because its file may change. */
  secret?: () => Uint8Array;
  tls?: TlsIdentity;
}
