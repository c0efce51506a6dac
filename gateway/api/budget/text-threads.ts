// A pool of threads for long texts. The texts of each tenant wait in a line of their own, and no tenant gets all threads.

import { Worker } from 'node:worker_threads';
import { moduleUrl } from '../../../base/module-url.ts';
import { type ApiError, badRequest, ClientGone, tryAgain } from '../errors.ts';
import type { Charge } from './slices.ts';
import type { TextJob, TextResult } from './text-jobs.ts';
import type { TextCall, TextReply } from './text-thread.ts';

export interface TextThreadsOptions {
  /** Largest number of threads. Each is started when it is first needed. */
  threads: number;
  /** A thread that is idle for so long ends, which frees its memory. */
  idleMs: number;
  /** A text that takes longer is aborted together with its thread. */
  deadlineMs: number;
  /** Heap of a thread in MiB. A text that needs more is aborted together with its thread. */
  heapMb: number;
  /** Largest number of waiting texts of one tenant. */
  waiting: number;
}

/** The slowest texts are tokenized at 0.2 MB/s on a slow core, so a megabyte takes seconds. */
const defaults: TextThreadsOptions = {
  threads: 2,
  idleMs: 60_000,
  deadlineMs: 60_000,
  heapMb: 1024,
  waiting: 64,
};

export interface TextCaller {
  tenant: string | undefined;
  /** Called with the time that a thread spent on the text, even if the text was aborted. */
  onTook?: Charge;
  /** Aborted when the client is gone. */
  signal: AbortSignal;
}

interface Waiting {
  tenant: string | undefined;
  onTook: Charge | undefined;
  call: TextCall;
  signal: AbortSignal;
  resolve: (result: TextResult) => void;
  reject: (error: unknown) => void;
}

interface Thread {
  worker: Worker;
  running: Waiting | undefined;
  /** When the thread began the text, by `performance.now()`. */
  begunAt: number;
  /** The deadline of the running text, or the end of an idle thread. */
  timer: NodeJS.Timeout | undefined;
}

const entry = moduleUrl('./text-thread', import.meta.url);

export class TextThreads {
  readonly #options: TextThreadsOptions;
  readonly #threads = new Set<Thread>();
  /** In the order of their turns. A tenant whose text begins moves to the end. */
  readonly #lines = new Map<string | undefined, Waiting[]>();

  constructor(options: Partial<TextThreadsOptions> = {}) {
    this.#options = { ...defaults, ...options };
  }

  /** Rejects with an ApiError if the text is aborted or too many texts of its tenant wait, and with ClientGone if its client left. */
  run<Job extends TextJob>(
    dir: string,
    job: Job,
    { tenant, onTook, signal }: TextCaller,
  ): Promise<TextResult<Job>> {
    const line = this.#lines.get(tenant) ?? [];
    if (line.length >= this.#options.waiting) return Promise.reject(tooMany(this.#options.waiting));
    return new Promise((resolve, reject) => {
      const done = resolve as (result: TextResult) => void;
      line.push({ tenant, onTook, call: { dir, job }, signal, resolve: done, reject });
      this.#lines.set(tenant, line);
      this.#startNext();
    });
  }

  /** Ends all threads and rejects the texts that run and wait. */
  async close(): Promise<void> {
    const lost = [...this.#lines.values()].flat();
    this.#lines.clear();
    for (const { reject } of lost) reject(new ClientGone());
    await Promise.all([...this.#threads].map((thread) => this.#end(thread, new ClientGone())));
  }

  #startNext(): void {
    while (true) {
      const idle = [...this.#threads].find(({ running }) => running === undefined);
      if (idle === undefined && this.#threads.size >= this.#options.threads) return;
      const next = this.#takeNext();
      if (next === undefined) return;
      this.#begin(idle ?? this.#start(), next);
    }
  }

  /** The next text of a tenant that may use one more thread. */
  #takeNext(): Waiting | undefined {
    const running = [...this.#threads].flatMap((thread) => thread.running ?? []);
    const most = Math.max(1, this.#options.threads - 1);
    for (const [tenant, line] of this.#lines) {
      while (line[0]?.signal.aborted) line.shift()?.reject(new ClientGone());
      if (line.length === 0) {
        this.#lines.delete(tenant);
        continue;
      }
      if (running.filter((each) => each.tenant === tenant).length >= most) continue;
      const next = line.shift();
      this.#lines.delete(tenant);
      if (line.length > 0) this.#lines.set(tenant, line);
      return next;
    }
    return undefined;
  }

  #start(): Thread {
    const worker = new Worker(entry, { resourceLimits: { maxOldGenerationSizeMb: this.#options.heapMb } });
    const thread: Thread = { worker, running: undefined, begunAt: 0, timer: undefined };
    this.#threads.add(thread);
    worker.unref();
    worker.on('message', (reply: TextReply) => {
      if (reply.type === 'begun') return this.#time(thread);
      const { running } = thread;
      took(thread);
      this.#rest(thread);
      if (reply.type === 'done') running?.resolve(reply.result);
      else running?.reject(new Error(reply.message));
      this.#startNext();
    });
    worker.on('error', (error) => void this.#end(thread, givenUp('it needs too much memory', error)));
    worker.on('exit', () => void this.#end(thread, givenUp('its thread ended')));
    return thread;
  }

  #begin(thread: Thread, next: Waiting): void {
    clearTimeout(thread.timer);
    thread.running = next;
    thread.begunAt = performance.now();
    thread.worker.postMessage(next.call);
  }

  /** The deadline starts after loading, which does not depend on the text. */
  #time(thread: Thread): void {
    const { deadlineMs } = this.#options;
    thread.timer = setTimeout(() => {
      void this.#end(thread, givenUp(`it takes longer than ${deadlineMs / 1000} s`));
    }, deadlineMs);
  }

  #rest(thread: Thread): void {
    clearTimeout(thread.timer);
    thread.running = undefined;
    thread.timer = setTimeout(() => void this.#end(thread, new ClientGone()), this.#options.idleMs);
    thread.timer.unref();
  }

  async #end(thread: Thread, error: Error): Promise<void> {
    if (!this.#threads.delete(thread)) return;
    clearTimeout(thread.timer);
    took(thread);
    thread.running?.reject(error);
    await thread.worker.terminate();
    this.#startNext();
  }
}

function took({ running, begunAt }: Thread): void {
  running?.onTook?.(running.tenant, performance.now() - begunAt);
}

function givenUp(why: string, cause?: unknown): ApiError {
  const error = badRequest(`Tokenizing the text of your request was aborted: ${why}. Send a shorter text.`, {
    code: 'text_too_costly',
  });
  error.cause = cause;
  return error;
}

function tooMany(most: number): ApiError {
  const message = `${most} long texts of your key already wait to be tokenized. Try again when they are done.`;
  return tryAgain(message, 'too_many_texts');
}
