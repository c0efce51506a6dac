// Writes the usage of each request to a file, as one line of JSON. A written line is not lost if the process is killed.

import { appendFileSync, closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { errorText } from '../../../base/error-text.ts';
import { ApiError } from '../errors.ts';

export interface UsageLine {
  /** When the request ended, ISO 8601. */
  time: string;
  request: string;
  /** Name of the API key. Null if the server has no keys. */
  key: string | null;
  model: string | null;
  endpoint: string;
  prompt_tokens: number;
  /** Prompt tokens that were found in the cache. Null if the answer ended before the engine reported this number. */
  cached_tokens: number | null;
  generated_tokens: number;
  /**
   * Only in the line of a request that continues a stream: the tokens that were generated before. They and the prompt are in the line
   * of the gateway that began the stream, unless that gateway was killed before it wrote the line.
   */
  known_tokens?: number;
  /** HTTP status of the answer. 499: the client closed the connection. */
  status: number;
  /** Duration of the request. */
  ms: number;
}

export interface UsageLog {
  write(line: UsageLine): void;
  /** Number of lines that wait until the file can be written again. */
  readonly waiting: number;
  /** Number of lines that were dropped since the start. */
  readonly lost: number;
  /** Tries once more to write the waiting lines, and drops those that still cannot be written. */
  close(): void;
}

/** The error of requests while lines wait, if the operator wants no request that is not accounted for. */
export function usageLogUnavailable(): ApiError {
  const message =
    'The server cannot write its usage log now, and answers no requests that it cannot account for. Try again later.';
  const headers = { 'retry-after': '1' };
  return new ApiError({ status: 503, message, type: 'server_error', code: 'usage_log_unavailable', headers });
}

/** The facts about a request that its usage line has. */
interface UsedRequest {
  id: string;
  key: { name: string } | undefined;
  model: string | undefined;
  endpoint: string;
  cachedTokens: number | undefined;
  completionTokens: number;
  knownTokens: number;
  /** Undefined unless the request continues a stream. */
  continuation: object | undefined;
}

/** `ms` is how long the request took. */
export function usageLineOf(
  { id, key, model, endpoint, cachedTokens, completionTokens, knownTokens, continuation }: UsedRequest,
  { promptTokens, status, ms }: { promptTokens: number; status: number; ms: number },
): UsageLine {
  return {
    time: new Date().toISOString(),
    request: id,
    key: key?.name ?? null,
    model: model ?? null,
    endpoint,
    prompt_tokens: promptTokens,
    cached_tokens: cachedTokens ?? null,
    generated_tokens: completionTokens,
    ...(continuation !== undefined && { known_tokens: knownTokens }),
    status,
    ms: Math.round(ms),
  };
}

export const MOST_WAITING = 20_000;

export interface UsageLogOptions {
  onError: (message: string) => void;
  onRecovered?: (message: string) => void;
  /** Largest number of waiting lines, each of about 300 bytes. Beyond it the oldest line is dropped. Default 20,000. */
  mostWaiting?: number;
  /** Time between attempts to write while lines wait. Default 1 s. */
  retryMs?: number;
}

/**
 * `write` returns after the kernel has the line (about 10 µs), so that the line survives the end of this process. If the file is
 * renamed or removed, a new file with the same name is opened. While the file cannot be written, lines wait; `onError` is called
 * once. Throws if the file cannot be opened or is not a regular file, because a pipe that nobody reads would block the whole
 * process.
 */
export function openUsageLog(
  path: string,
  { onError, onRecovered = () => {}, mostWaiting = MOST_WAITING, retryMs = 1_000 }: UsageLogOptions,
): UsageLog {
  let file = open(path);
  /** The waiting lines, oldest first. */
  let waiting: string[] = [];
  let lost = 0;
  /** Whether the last line of the file may be incomplete, because the disk was full. */
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

  /** Writes the waiting lines. Returns false if some could not be written. */
  function flush(): boolean {
    let written = 0;
    try {
      for (; written < waiting.length; written++) append(waiting[written]!);
      waiting = [];
      return true;
    } catch (error) {
      torn = true;
      const reason = errorText(error);
      if (!failing) onError(`${path}: usage cannot be written, so lines wait: ${reason}`);
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
      onRecovered(`${path}: usage is written again after ${before} lines waited`);
    }
  }

  return {
    write(line) {
      waiting.push(JSON.stringify(line));
      if (failing) {
        if (waiting.length <= mostWaiting) return; // `settle` writes them later, so that not every request tries to write
        waiting.shift();
        if (lost++ === 0)
          onError(`${path}: ${mostWaiting} lines wait, so the oldest are dropped from now on`);
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

/** Opens the file to append, and ends an incomplete last line. `a+` also reads: opening a pipe only for writing would block. */
function open(path: string): number {
  const file = openSync(path, 'a+', 0o600);
  try {
    const stats = fstatSync(file);
    if (!stats.isFile()) throw new Error(`${path} is a pipe, a socket or a device. Give a regular file.`);
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

/** Whether the path still names the open file. */
function isAt(file: number, path: string): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  const { dev, ino } = fstatSync(file);
  return found !== undefined && found.dev === dev && found.ino === ino;
}
