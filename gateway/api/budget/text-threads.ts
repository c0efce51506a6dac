// A few threads for long texts: each owner's texts wait in a line of their own, and no owner has all of the threads. Knows no
// endpoint.

import { Worker } from 'node:worker_threads';
import { moduleUrl } from '../../../base/module-url.ts';
import { type ApiError, badRequest, ClientGone, tryAgain } from '../errors.ts';
import type { Charge } from './slices.ts';
import type { TextJob, TextResult } from './text-jobs.ts';
import type { TextCall, TextReply } from './text-thread.ts';

export interface TextThreadsOptions {
  /** At most so many at once; each is started when it is first needed. */
  threads: number;
  /** A thread that has nothing to do for so long ends, and its memory with it. Milliseconds. */
  idleMs: number;
  /** A text that takes longer is given up, with its thread. Milliseconds. */
  deadlineMs: number;
  /** Heap of a thread, in MiB; a text that needs more is given up, with its thread. */
  heapMb: number;
  /** Texts of one owner that may wait. */
  waiting: number;
}

/** A megabyte takes seconds: what tokenizers take longest for is at 0.2 MB/s on a slow core. */
const defaults: TextThreadsOptions = {
  threads: 2,
  idleMs: 60_000,
  deadlineMs: 60_000,
  heapMb: 1024,
  waiting: 64,
};

export interface TextCaller {
  owner: string | undefined;
  /** Told how long a thread took for the text, also if the text was given up. */
  onTook?: Charge;
  /** Aborted when nobody waits any more. */
  signal: AbortSignal;
}

interface Waiting {
  owner: string | undefined;
  onTook: Charge | undefined;
  call: TextCall;
  signal: AbortSignal;
  resolve: (result: TextResult) => void;
  reject: (error: unknown) => void;
}

interface Thread {
  worker: Worker;
  running: Waiting | undefined;
  /** When it began with the text, on the clock of `performance.now()`. */
  begunAt: number;
  /** Of what runs, or of a thread that has nothing to do. */
  timer: NodeJS.Timeout | undefined;
}

const entry = moduleUrl('./text-thread', import.meta.url);

export class TextThreads {
  readonly #options: TextThreadsOptions;
  readonly #threads = new Set<Thread>();
  /** In the order of their turns; an owner whose text begins goes to the end. */
  readonly #lines = new Map<string | undefined, Waiting[]>();

  constructor(options: Partial<TextThreadsOptions> = {}) {
    this.#options = { ...defaults, ...options };
  }

  /** Rejects with an ApiError if the text is given up or too many of its owner wait, with ClientGone if its caller left. */
  run<Job extends TextJob>(
    dir: string,
    job: Job,
    { owner, onTook, signal }: TextCaller,
  ): Promise<TextResult<Job>> {
    const line = this.#lines.get(owner) ?? [];
    if (line.length >= this.#options.waiting) return Promise.reject(tooMany(this.#options.waiting));
    return new Promise((resolve, reject) => {
      const done = resolve as (result: TextResult) => void;
      line.push({ owner, onTook, call: { dir, job }, signal, resolve: done, reject });
      this.#lines.set(owner, line);
      this.#startNext();
    });
  }

  /** Ends all threads; what runs and waits is rejected. */
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

  /** The next text of an owner that may have one more thread. */
  #takeNext(): Waiting | undefined {
    const running = [...this.#threads].flatMap((thread) => thread.running ?? []);
    const most = Math.max(1, this.#options.threads - 1);
    for (const [owner, line] of this.#lines) {
      while (line[0]?.signal.aborted) line.shift()?.reject(new ClientGone());
      if (line.length === 0) {
        this.#lines.delete(owner);
        continue;
      }
      if (running.filter((each) => each.owner === owner).length >= most) continue;
      const next = line.shift();
      this.#lines.delete(owner);
      if (line.length > 0) this.#lines.set(owner, line);
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

  /** What was loaded before is not the text's fault. */
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
  running?.onTook?.(running.owner, performance.now() - begunAt);
}

function givenUp(why: string, cause?: unknown): ApiError {
  const error = badRequest(`The text of your request was given up: ${why}. Send a shorter one.`, {
    code: 'text_too_costly',
  });
  error.cause = cause;
  return error;
}

function tooMany(most: number): ApiError {
  const message = `${most} long texts of your key wait to be tokenized already. Try again when they are done.`;
  return tryAgain(message, 'too_many_texts');
}
