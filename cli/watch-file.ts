// Keeps what a file says as it is now, while it changes. What is wrong in the file changes nothing. Knows no file's meaning.
import { readFile } from 'node:fs/promises';
import type { Logger } from 'pino';

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
  stop(): void;
}

/** Rejects where the file is wrong at the start; later that is logged, once each time it is wrong in another way. */
export async function watchFile<T>({
  path,
  parse,
  what,
  format,
  log,
  everyMs = LOOK_EVERY,
}: WatchFileOptions<T>): Promise<Watched<T>> {
  let used = await readFile(path, 'utf8');
  let current = parse(used);
  let last = used;
  let failed = '';
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;

  const look = async () => {
    const text = await readFile(path, 'utf8');
    const settled = text === last;
    last = text;
    if (!settled || text === used || stopped) return;
    current = parse(text);
    used = text;
    log.info(`${what} have changed: ${format(current)}`);
  };
  const turn = async () => {
    try {
      await look();
      failed = '';
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
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
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
