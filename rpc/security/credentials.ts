// Certificates and a secret that follow their files: read at the start and again when the files change. Knows no sockets.
import { errorText } from '../../base/error-text.ts';
import {
  type CredentialFiles,
  exposures,
  fingerprint,
  type LoadedCredentials,
  loadCredentials,
  pathsOf,
} from './credential-files.ts';
import type { Security } from './security.ts';

export interface OpenCredentialsOptions extends CredentialFiles {
  /** Names that a peer's certificate may carry (tls.ts). */
  peers?: readonly string[];
  /** How often the files are checked. A changed file is read once it has stayed the same for as long. Default: 2 s. */
  everyMs?: number;
  log?: (level: 'info' | 'warn' | 'error', message: string) => void;
  /** Told `true` when changed files cannot be used, so that the earlier ones stay in use, and `false` when they can again. */
  onFailing?: (failing: boolean) => void;
}

export interface Credentials extends Security {
  /** Stops checking the files. */
  close(): void;
}

/**
 * Rejects, naming the file, if one cannot be used. Later changes apply to new connections. If changed files cannot be used,
 * the earlier ones stay in use and an error is logged. The watch does not keep the process alive.
 */
export async function openCredentials({
  peers = [],
  everyMs = 2_000,
  log = () => {},
  onFailing = () => {},
  ...files
}: OpenCredentialsOptions): Promise<Credentials> {
  let seen = await fingerprint(files);
  /** The state of the files when they were last read, successfully or not. */
  let judged = seen;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  let loaded: LoadedCredentials = await loadCredentials(files);
  for (const warning of await exposures(files)) log('warn', warning);
  const watch = () => {
    if (!closed) timer = setTimeout(look, everyMs).unref();
  };
  watch();

  // Polls, because fs.watch does not see that links above a mounted secret are swapped.
  async function look(): Promise<void> {
    const now = await fingerprint(files);
    const settled = now === seen; // a certificate and its key are not written at the same moment
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
