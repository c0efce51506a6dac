// Watches the file of --edge-secret-file, which gateways and the edge share.
import type { Logger } from 'pino';
import { type Watched, watchFile } from '../infra/discovery/watch-file.ts';
import { parseSecrets } from '../resume/secrets.ts';

/** The current secret comes first. Rejects if the file is wrong now; later faults are logged. */
export function watchSecrets(path: string, log: Logger): Promise<Watched<ReturnType<typeof parseSecrets>>> {
  return watchFile({
    path,
    parse: (text) => parseSecrets(text, path),
    what: 'edge secrets',
    format: (all) => `${all.length} of them`,
    log,
  });
}
