// Certificates and a secret that follow their files: read at the start and again when they change. Knows no sockets.
import {
  type CredentialFiles,
  exposures,
  fingerprint,
  type LoadedCredentials,
  loadCredentials,
  pathsOf,
  reasonOf,
} from './credential-files.ts';
import type { Security } from './security.ts';

export interface OpenCredentialsOptions extends CredentialFiles {
  /** Names that a peer's certificate may carry (tls.ts). */
  peers?: readonly string[];
  /** How often the files are looked at; one that has changed is read when it has stayed the same for as long. */
  everyMs?: number;
  log?: (level: 'info' | 'warn' | 'error', message: string) => void;
  /** Told when changed files cannot be used, so that what was read before stays in use, and when they can again. */
  onFailing?: (failing: boolean) => void;
}

export interface Credentials extends Security {
  /** Stops looking at the files. */
  close(): void;
}

/**
 * Rejects, naming the file, where one cannot be used. Later changes are taken if they can be used, and count for new
 * connections; else what was read before stays and an error is logged. The watch does not keep the process alive.
 */
export async function openCredentials({
  peers = [],
  everyMs = 2_000,
  log = () => {},
  onFailing = () => {},
  ...files
}: OpenCredentialsOptions): Promise<Credentials> {
  let seen = await fingerprint(files);
  /** The files as they were when they were last read, well or not. */
  let judged = seen;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  let loaded: LoadedCredentials = await loadCredentials(files);
  for (const warning of await exposures(files)) log('warn', warning);
  const watch = () => {
    if (!closed) timer = setTimeout(look, everyMs).unref();
  };
  watch();

  // By looking, not by fs.watch: mounted secrets are replaced by swapping links above them, which it does not see.
  async function look(): Promise<void> {
    const now = await fingerprint(files);
    const settled = now === seen; // a certificate and its key are not written in one stroke
    seen = now;
    if (settled && now !== judged) {
      judged = now;
      try {
        loaded = await loadCredentials(files);
        onFailing(false);
        log('info', `certificates and secrets were read again: ${pathsOf(files).join(', ')}`);
      } catch (error) {
        onFailing(true);
        log('error', `${reasonOf(error)}; what was read before stays in use`);
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
