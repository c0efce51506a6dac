// Follows a file: keeps its parsed contents up to date while it changes. A malformed file changes nothing.
import type { Logger } from 'pino';
import { errorText } from '../../base/error-text.ts';
import { readRegularFile } from '../../base/read-file.ts';

/** A changed file is used once it was the same twice, because it may be read while it is being written. */
const LOOK_EVERY_MS = 500;

export interface WatchFileOptions<T> {
  path: string;
  /** Throws, naming the file, if the text is malformed. */
  parse: (text: string) => T;
  /** For the log: what the file contains. */
  what: string;
  format: (value: T) => string;
  log: Pick<Logger, 'info' | 'error'>;
  everyMs?: number;
}

export interface Watched<T> {
  current(): T;
  /** The file cannot be used now, so its earlier contents stay in use. */
  failing(): boolean;
  stop(): void;
}

/**
 * Rejects if the file is malformed at the start. Later that is logged, once for each new error. An empty file counts as
 * malformed, because editors and full disks empty files by mistake.
 */
export async function watchFile<T>({
  path,
  parse,
  what,
  format,
  log,
  everyMs = LOOK_EVERY_MS,
}: WatchFileOptions<T>): Promise<Watched<T>> {
  const read = async () => (await readRegularFile(path)).toString();
  let used = await read();
  let current = parse(used);
  let last = used;
  let failed = '';
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;

  const look = async () => {
    const text = await read();
    const settled = text === last;
    last = text;
    if (!settled || stopped) return;
    if (text !== used) {
      if (text.trim() === '') throw new Error(`${path} is empty`);
      current = parse(text);
      used = text;
      log.info(`${what} have changed: ${format(current)}`);
    }
    failed = '';
  };
  const turn = async () => {
    try {
      await look();
    } catch (error) {
      const message = errorText(error);
      if (message !== failed) log.error(`${message}; the ${what} stay as they were`);
      failed = message;
    }
  };
  const again = () => {
    if (!stopped) timer = setTimeout(() => void turn().then(again), everyMs);
    timer?.unref();
  };
  again();
  return {
    current: () => current,
    failing: () => failed !== '',
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}

/** The warning in /health/ready about the file of `flag`. It does not name the path; the log does. */
export function fileWarning(flag: string, failing: () => boolean): () => string | undefined {
  return () => (failing() ? stale(flag) : undefined);
}

/** The warning that what `source` names cannot be used, so that its last usable contents stay in use. */
export function stale(source: string): string {
  return `What ${source} names cannot be used now; what it said before stays in use. The log says why.`;
}
