// The credentials of a transport or a server: reads certificates and a secret at the start, and again when their files change.
// Knows no sockets.
import { errorText } from '../../base/error-text.ts';
import {
  type CredentialFiles,
  exposures,
  fingerprint,
  type LoadedCredentials,
  loadCredentials,
  pathsOf,
} from './credential-files.ts';
import type { TlsIdentity } from './tls.ts';

/** A shared secret, a TLS identity or both. Neither is needed on loopback. */
export interface Security {
  /** The secret that both sides share, at least 16 bytes. Called for each connection, because the secret's file may change. */
  secret?: () => Uint8Array;
  tls?: TlsIdentity;
}

export interface OpenCredentialsOptions extends CredentialFiles {
  /** Names that a peer's certificate may carry (tls.ts). */
  peers?: readonly string[];
  /** How often the files are checked. Changed files are read at the first check that finds no further change. Default: 2 s. */
  everyMs?: number;
  log?: (level: 'info' | 'warn' | 'error', message: string) => void;
  /** Called with true when changed files cannot be used, and with false when they can be used again. */
  onFailing?: (failing: boolean) => void;
}

export interface Credentials extends Security {
  /** Stops checking the files. */
  close(): void;
}

/**
 * Rejects with an error that names the file if a file cannot be used. Later changes apply to new connections. If changed files
 * cannot be used, the earlier contents stay in use and an error is logged. The checks do not keep the process alive.
 */
export async function openCredentials({
  peers = [],
  everyMs = 2_000,
  log = () => {},
  onFailing = () => {},
  ...files
}: OpenCredentialsOptions): Promise<Credentials> {
  let seen = await fingerprint(files);
  /** State of the files at the last attempt to read them. */
  let judged = seen;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  let loaded: LoadedCredentials = await loadCredentials(files);
  for (const warning of await exposures(files)) log('warn', warning);
  const watch = () => {
    if (!closed) timer = setTimeout(look, everyMs).unref();
  };
  watch();

  // Polls, because fs.watch does not notice when a symbolic link above a mounted secret is replaced.
  async function look(): Promise<void> {
    const now = await fingerprint(files);
    const settled = now === seen; // a certificate may be written some time before its key
    seen = now;
    if (settled && now !== judged) {
      judged = now;
      try {
        loaded = await loadCredentials(files);
        onFailing(false);
        log('info', `certificates and secrets were read again: ${pathsOf(files).join(', ')}`);
      } catch (error) {
        onFailing(true);
        log('error', `${errorText(error)}; what was read before stays in use`);
      }
    }
    watch();
  }

  const { tls, secret } = files;
  return {
    ...(tls && { tls: { peers, material: () => loaded.material ?? missing('certificates') } }),
    ...(secret !== undefined && { secret: () => loaded.secret ?? missing('a secret') }),
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
}

function missing(what: string): never {
  throw new Error(`${what} was never read`);
}
