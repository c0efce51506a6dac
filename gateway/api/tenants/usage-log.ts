// Writes what each request used to a file, one line of JSON each, so that a process that is killed loses none. Knows no HTTP.

import { appendFileSync, closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { errorText } from '../../../base/error-text.ts';

export interface UsageLine {
  /** When the request ended, ISO 8601. */
  time: string;
  request: string;
  /** Name of the caller's key; null without keys. */
  key: string | null;
  model: string | null;
  endpoint: string;
  prompt_tokens: number;
  /** Of the prompt's, those found in the cache; null where the answer ended before that was told. */
  cached_tokens: number | null;
  generated_tokens: number;
  /** 499: the client left. */
  status: number;
  ms: number;
}

export interface UsageLog {
  write(line: UsageLine): void;
  /** Lines that wait until the file can be written again. */
  readonly waiting: number;
  /** Lines that were given up since the start. */
  readonly lost: number;
  /** Tries once more to write what waits; what still cannot be written is lost. */
  close(): void;
}

export interface UsageLogOptions {
  onError: (message: string) => void;
  onRecovered?: (message: string) => void;
  /** Lines that may wait: about 300 bytes each. Beyond, the oldest is lost. */
  mostWaiting?: number;
  /** While lines wait, the file is tried again after so long even if no request ends. Milliseconds. */
  retryMs?: number;
}

/**
 * Lines are appended and given to the kernel before `write` returns: about 10 µs each, and what becomes of this process is then
 * no matter. A file that is renamed or removed is left, and one of the same name begun. Throws if it cannot be opened, or is
 * no regular file: a pipe that nobody reads would hold up the whole process. While the file cannot be written, lines wait;
 * that is reported once.
 */
export function openUsageLog(
  path: string,
  { onError, onRecovered = () => {}, mostWaiting = 20_000, retryMs = 1_000 }: UsageLogOptions,
): UsageLog {
  let file = open(path);
  /** In order, the oldest first. */
  let waiting: string[] = [];
  let lost = 0;
  /** A disk that was full may have taken half a line. */
  let torn = false;
  let failing = false;
  let timer: NodeJS.Timeout | undefined;

  function append(text: string): void {
    if (!isAt(file, path)) {
      const renamed = file;
      file = open(path);
      closeSync(renamed);
    }
    appendFileSync(file, `${torn ? '\n' : ''}${text}\n`);
    torn = false;
  }

  /** Whether nothing waits any more. */
  function flush(): boolean {
    let written = 0;
    try {
      for (; written < waiting.length; written++) append(waiting[written]!);
      waiting = [];
      return true;
    } catch (error) {
      torn = true;
      const reason = errorText(error);
      if (!failing) onError(`${path}: usage is not written, lines wait: ${reason}`);
      failing = true;
      waiting = waiting.slice(written);
      return false;
    }
  }

  function settle(): void {
    clearTimeout(timer);
    const before = waiting.length;
    if (!flush()) {
      timer = setTimeout(settle, retryMs).unref();
    } else if (failing) {
      failing = false;
      onRecovered(`${path}: usage is written again, ${before} lines had waited`);
    }
  }

  return {
    write(line) {
      waiting.push(JSON.stringify(line));
      if (failing) {
        if (waiting.length <= mostWaiting) return; // the timer tries; a request is no reason to try a full disk again
        waiting.shift();
        if (lost++ === 0) onError(`${path}: ${mostWaiting} lines wait, the oldest are lost from now on`);
      } else {
        settle();
      }
    },
    get waiting() {
      return waiting.length;
    },
    get lost() {
      return lost;
    },
    close() {
      clearTimeout(timer);
      if (!flush()) {
        lost += waiting.length;
        waiting = [];
      }
      if (lost > 0) onError(`${path}: ${lost} lines of usage were lost`);
      closeSync(file);
    },
  };
}

/** To append to; if the last writer did not end its line, that is done. Opening for both ways waits for nobody, whatever it is. */
function open(path: string): number {
  const file = openSync(path, 'a+', 0o600);
  try {
    const stats = fstatSync(file);
    if (!stats.isFile()) throw new Error(`${path} is no file but a pipe, a socket or a device; give a file`);
    const last = Buffer.alloc(1);
    const { size } = stats;
    if (size > 0 && readSync(file, last, 0, 1, size - 1) === 1 && last.toString() !== '\n') {
      appendFileSync(file, '\n');
    }
    return file;
  } catch (error) {
    closeSync(file);
    throw error;
  }
}

/** Whether the path still leads to the open file. */
function isAt(file: number, path: string): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  const { dev, ino } = fstatSync(file);
  return found !== undefined && found.dev === dev && found.ino === ino;
}
