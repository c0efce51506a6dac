// Writes what each request used to a file, one line of JSON each, so that a process that is killed loses none. Knows no HTTP.
import { appendFileSync, closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';

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
  close(): void;
}

/**
 * Lines are appended and given to the kernel before `write` returns: about 10 µs each, and what becomes of this process is then
 * no matter. A file that is renamed or removed is left, and one of the same name begun. Throws where it cannot be opened; a line
 * that cannot be written later is reported, once until one can be.
 */
export function openUsageLog(path: string, { onError }: { onError: (message: string) => void }): UsageLog {
  let file = open(path);
  let failing = false;
  /** A disk that was full may have taken half a line. */
  let torn = false;

  function append(line: UsageLine): void {
    if (!isAt(file, path)) {
      const renamed = file;
      file = open(path);
      closeSync(renamed);
    }
    appendFileSync(file, `${torn ? '\n' : ''}${JSON.stringify(line)}\n`);
  }

  return {
    write(line) {
      try {
        append(line);
        failing = false;
        torn = false;
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        if (!failing) onError(`${path}: usage is not written: ${reason}`);
        failing = true;
        torn = true;
      }
    },
    close: () => closeSync(file),
  };
}

/** To append to; where the last writer did not end its line, that is done. */
function open(path: string): number {
  const file = openSync(path, 'a+', 0o600);
  const { size } = fstatSync(file);
  const last = Buffer.alloc(1);
  if (size > 0 && readSync(file, last, 0, 1, size - 1) === 1 && last.toString() !== '\n') {
    appendFileSync(file, '\n');
  }
  return file;
}

/** Whether the path still leads to the open file. */
function isAt(file: number, path: string): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  const { dev, ino } = fstatSync(file);
  return found !== undefined && found.dev === dev && found.ino === ino;
}
