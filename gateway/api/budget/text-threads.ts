// A pool of threads that turn long texts into token ids. Each tenant has its own queue, and no tenant gets all threads.

import { Worker } from 'node:worker_threads';
import { moduleUrl } from '../../../base/module-url.ts';
import { ApiError, ClientGone, tryAgain } from '../errors.ts';
import type { Charge } from './slices.ts';
import type { TextJob, TextResult } from './text-jobs.ts';
import type { TextCall, TextReply } from './text-thread.ts';

export interface TextThreadsOptions {
  /** Largest number of threads. A thread is started only when it is needed. Default 2. */
  threads: number;
  /** An idle thread ends after this time, which frees its memory. Default 60 s. */
  idleMs: number;
  /** A text that takes longer is aborted together with its thread. Default 60 s. */
  deadlineMs: number;
  /** Heap of a thread in MiB. A text that needs more is aborted together with its thread. Default 1 GiB. */
  heapMb: number;
  /** Largest number of waiting texts of one tenant. Beyond it the answer is a 429. Default 64. */
  waiting: number;
}

/** On a slow core, the slowest texts are tokenized at 0.2 MB/s, so `deadlineMs` allows 12 MB. */
const defaults: TextThreadsOptions = {
  threads: 2,
  idleMs: 60_000,
  deadlineMs: 60_000,
  heapMb: 1024,
  waiting: 64,
};

interface TextCaller {
  tenant: string | undefined;
  /** Called with the time that a thread has spent on the text, even if the text was aborted. */
  onTook?: Charge;
  /** Aborted when the client is gone. */
  signal: AbortSignal;
}

interface Waiting extends TextCaller {
  call: TextCall;
  resolve: (result: TextResult) => void;
  reject: (error: unknown) => void;
}

interface Thread {
  worker: Worker;
  running: Waiting | undefined;
  /** When the thread began the running text, by `performance.now()`. */
  begunAt: number;
  /** Aborts the running text at its deadline, or ends the thread if it stays idle. */
  timer: NodeJS.Timeout | undefined;
}

const entry = moduleUrl('./text-thread', import.meta.url);

export class TextThreads {
  readonly #options: TextThreadsOptions;
  readonly #threads = new Set<Thread>();
  /** The queue of each tenant, in the order in which tenants are served. A tenant whose text begins moves to the end. */
  readonly #queues = new Map<string | undefined, Waiting[]>();

  constructor(options: Partial<TextThreadsOptions> = {}) {
    this.#options = { ...defaults, ...options };
  }

  /** Rejects with ClientGone if the client left, or with another ApiError if the text is aborted or too many texts wait. */
  run<Job extends TextJob>(dir: string, job: Job, caller: TextCaller): Promise<TextResult<Job>> {
    const { tenant } = caller;
    const queue = this.#queues.get(tenant) ?? [];
    if (queue.length >= this.#options.waiting) return Promise.reject(tooMany(this.#options.waiting));
    return new Promise((resolve, reject) => {
      const done = resolve as (result: TextResult) => void;
      queue.push({ ...caller, call: { dir, job }, resolve: done, reject });
      this.#queues.set(tenant, queue);
      this.#startNext();
    });
  }

  /** Ends all threads, and rejects all texts that run or wait. */
  async close(): Promise<void> {
    const lost = [...this.#queues.values()].flat();
    this.#queues.clear();
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

  /** Removes and returns the next text of a tenant that may use one more thread. */
  #takeNext(): Waiting | undefined {
    const running = [...this.#threads].flatMap((thread) => thread.running ?? []);
    const most = Math.max(1, this.#options.threads - 1);
    for (const [tenant, queue] of this.#queues) {
      while (queue[0]?.signal.aborted) queue.shift()?.reject(new ClientGone());
      if (queue.length === 0) {
        this.#queues.delete(tenant);
        continue;
      }
      if (running.filter((each) => each.tenant === tenant).length >= most) continue;
      const next = queue.shift();
      this.#queues.delete(tenant);
      if (queue.length > 0) this.#queues.set(tenant, queue);
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
    worker.on('error', (error) => void this.#end(thread, aborted('it needs too much memory', error)));
    worker.on('exit', () => void this.#end(thread, aborted('its thread ended')));
    return thread;
  }

  #begin(thread: Thread, next: Waiting): void {
    clearTimeout(thread.timer);
    thread.running = next;
    thread.begunAt = performance.now();
    thread.worker.postMessage(next.call);
  }

  /** Starts the deadline of the text after the tokenizer is loaded, because loading does not depend on the text. */
  #time(thread: Thread): void {
    const { deadlineMs } = this.#options;
    thread.timer = setTimeout(() => {
      void this.#end(thread, aborted(`it takes longer than ${deadlineMs / 1000} s`));
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

function aborted(why: string, cause?: unknown): ApiError {
  const message = `Tokenizing the text of your request was aborted: ${why}. Send a shorter text.`;
  return new ApiError({ status: 400, message, code: 'text_too_costly', cause });
}

function tooMany(most: number): ApiError {
  const message = `${most} long texts of your key already wait to be tokenized. Try again when they are done.`;
  return tryAgain(message, 'too_many_texts');
}
