// Keeps what a file says as it is now, while it changes. What is wrong in the file changes nothing. Knows no file's meaning.

import type { Logger } from 'pino';
import { errorText } from '../../base/error-text.ts';
import { readRegularFile } from '../../base/read-file.ts';

/** A file counts when it was found the same twice: it may be read while it is being written. Milliseconds. */
const LOOK_EVERY = 500;

export interface WatchFileOptions<T> {
  path: string;
  /** Throws, naming the file, where the text is wrong. */
  parse: (text: string) => T;
  /** For the log: what the file holds, and what it holds now. */
  what: string;
  format: (value: T) => string;
  log: Pick<Logger, 'info' | 'error'>;
  everyMs?: number;
}

export interface Watched<T> {
  current(): T;
  /** The file cannot be used as it is now: what it said before counts. */
  failing(): boolean;
  stop(): void;
}

/**
 * Rejects if the file is wrong at the start; later that is logged, once each time it is wrong in another way. A file that is
 * emptied, which an editor or a full disk does by mistake, is wrong too.
 */
export async function watchFile<T>({
  path,
  parse,
  what,
  format,
  log,
  everyMs = LOOK_EVERY,
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
      if (text.trim() === '') throw new Error(`${path} is empty: a mistake?`);
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

/** What /health/ready says of the file that `flag` names: the path is the log's to tell. */
export function fileWarning(flag: string, failing: () => boolean): () => string | undefined {
  return () => (failing() ? stale(flag) : undefined);
}

/** Of what `source` names, the last that could be used counts. */
export function stale(source: string): string {
  return `What ${source} names cannot be used now; what it said before stays in use. The log says why.`;
}
