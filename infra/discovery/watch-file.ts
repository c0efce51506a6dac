// Polls a file and keeps its parsed contents up to date. If the file becomes malformed, the earlier contents stay in use.
import type { Logger } from 'pino';
import { errorText } from '../../base/error-text.ts';
import { readRegularFile } from '../../base/read-file.ts';

const LOOK_EVERY_MS = 500;

interface WatchFileOptions<T> {
  path: string;
  /** Throws an error that names the file if the text is malformed. */
  parse: (text: string) => T;
  /** Word for the contents in the log, such as `aliases`. */
  what: string;
  /** The contents as text for the log. */
  format: (value: T) => string;
  log: Pick<Logger, 'info' | 'error'>;
  everyMs?: number;
}

export interface Watched<T> {
  current(): T;
  /** True while the file cannot be used. Its earlier contents then stay in use. */
  failing(): boolean;
  stop(): void;
}

/**
 * Rejects if the file is malformed at the start. Later errors are logged, each new one once. A file that has become empty counts as
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
    const settled = text === last; // a file may be read while it is being written
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

/** Makes a function that returns the warning of /health/ready about the file of `flag`, or undefined if the file is usable. */
export function fileWarning(flag: string, failing: () => boolean): () => string | undefined {
  return () => (failing() ? stale(flag) : undefined);
}

/** The warning that the file or DNS name of the flag `source` cannot be used. Only the log names the path. */
export function stale(source: string): string {
  return `What ${source} names cannot be used now; what it said before stays in use. The log says why.`;
}
