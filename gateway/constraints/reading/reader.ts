// Reads specifications for a thread that must not block: small ones in the same thread, others in a separate thread, where
// tenants take turns. Grammars and faults are both kept in a cache.

import { createHash } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import { moduleUrl } from '../../../base/module-url.ts';
import { ConstraintFault } from '../fault.ts';
import { Cache, type CacheOptions } from '../masks/cache.ts';
import type { GrammarSpec, PackedGrammar } from '../specification.ts';
import { type Answer, answerOf, type Read, readQuickly } from './read.ts';
import { Turns } from './reader-turns.ts';

export interface Answered {
  answer: Answer;
  /** CPU time of reading, in milliseconds. */
  ms: number;
}

type ReadResult = PackedGrammar & Pick<Read, 'notes'>;

/** Too many specifications wait to be read. */
export class ReaderBusy extends Error {}

export interface ReadOptions {
  /** The tenant that waits for its turn and is charged for the thread's time. */
  tenant: string;
  /** Aborted when the caller no longer waits for the result. */
  signal?: AbortSignal;
  /** Called with the milliseconds that the thread took, if this caller was the first to ask for the specification. */
  onTook?: (ms: number) => void;
}

interface ReaderOptions {
  cache?: CacheOptions;
  /** Milliseconds after which the thread is terminated in the middle of a specification; default 30,000. */
  deadlineMs?: number;
  /** Most megabytes of the thread's heap; default 256. */
  megabytes?: number;
}

type Outcome = { size: number } & ({ result: ReadResult } | { fault: ConstraintFault });

interface Job {
  key: string;
  spec: GrammarSpec;
  /** Number of callers that wait for the outcome. */
  readers: number;
  onTook: (ms: number) => void;
  outcome: PromiseWithResolvers<Outcome>;
}

/** How long an idle thread is kept before it is terminated to free its memory. */
const IDLE_MS = 60_000;

export class GrammarReader {
  readonly #cache: Cache<Outcome>;
  readonly #deadlineMs: number;
  readonly #megabytes: number;
  readonly #turns = new Turns<Job>();
  /** By key: the jobs that wait, and the job that is being read. */
  readonly #jobs = new Map<string, Job>();
  #thread: Worker | undefined;
  /** The answer that the thread is working on. */
  #asking: PromiseWithResolvers<Answered> | undefined;
  #busy = false;
  #idle: NodeJS.Timeout | undefined;
  #resting: NodeJS.Timeout | undefined;

  constructor({ cache, deadlineMs = 30_000, megabytes = 256 }: ReaderOptions = {}) {
    this.#cache = new Cache(cache);
    this.#deadlineMs = deadlineMs;
    this.#megabytes = megabytes;
  }

  /**
   * Throws a ConstraintFault if the specification cannot be honoured, ReaderBusy if too many specifications wait, and the signal's
   * reason if the signal is aborted.
   */
  async read(spec: GrammarSpec, { tenant, signal, onTook }: ReadOptions): Promise<ReadResult> {
    const text = JSON.stringify(spec);
    const key = createHash('sha256').update(text).digest('base64');
    const outcome =
      this.#cache.get(key) ??
      this.#quickly(spec, key, text.length) ??
      (await this.#inTurn(spec, key, { tenant, signal, onTook }));
    if ('fault' in outcome) throw outcome.fault;
    return outcome.result;
  }

  #quickly(spec: GrammarSpec, key: string, characters: number): Outcome | undefined {
    const answer = answerOf(() => readQuickly(spec, characters));
    return answer && this.#remember(key, answer);
  }

  #remember(key: string, answer: Answer): Outcome {
    const outcome = outcomeOf(key, answer);
    this.#cache.set(key, outcome);
    return outcome;
  }

  async #inTurn(
    spec: GrammarSpec,
    key: string,
    { tenant, signal, onTook = () => {} }: ReadOptions,
  ): Promise<Outcome> {
    signal?.throwIfAborted();
    let job = this.#jobs.get(key);
    if (job === undefined) {
      job = { key, spec, readers: 0, onTook, outcome: Promise.withResolvers() };
      job.outcome.promise.catch(() => {}); // callers that still wait get the error through their own await
      if (!this.#turns.add(tenant, job, performance.now())) {
        throw new ReaderBusy('too many grammars and schemas wait to be read');
      }
      this.#jobs.set(key, job);
      this.#go();
    }
    const own = job;
    own.readers++;
    const left = Promise.withResolvers<never>();
    const leave = () => left.reject(signal?.reason);
    signal?.addEventListener('abort', leave, { once: true });
    try {
      return await Promise.race([own.outcome.promise, left.promise]);
    } finally {
      signal?.removeEventListener('abort', leave);
      own.readers--;
      if (own.readers === 0 && this.#jobs.get(key) === own) {
        this.#turns.remove(tenant, own);
        this.#jobs.delete(key);
      }
    }
  }

  #go(): void {
    if (this.#busy) return;
    clearTimeout(this.#resting);
    const next = this.#turns.next(performance.now());
    if (next === undefined) return;
    if ('restMs' in next) {
      this.#resting = setTimeout(() => this.#go(), next.restMs);
      return;
    }
    this.#busy = true;
    const { tenant, job } = next;
    this.#ask(job.spec)
      .then(({ answer, ms }) => {
        this.#turns.had(tenant, ms, performance.now());
        job.onTook(ms);
        job.outcome.resolve(this.#remember(job.key, answer));
      })
      .catch((error: unknown) => job.outcome.reject(error))
      .finally(() => {
        this.#busy = false;
        this.#jobs.delete(job.key);
        this.#go();
      });
  }

  /** Reads a specification in the thread. Rejects if the thread fails for a reason other than the specification. */
  #ask(spec: GrammarSpec): Promise<Answered> {
    clearTimeout(this.#idle);
    this.#thread ??= this.#start();
    const asking = Promise.withResolvers<Answered>();
    this.#asking = asking;
    this.#thread.ref();
    this.#thread.postMessage(spec);
    const late = setTimeout(() => {
      this.#rest();
      asking.resolve(this.#tooCostly(`${this.#deadlineMs / 1000} s`));
    }, this.#deadlineMs);
    return asking.promise.finally(() => {
      clearTimeout(late);
      this.#thread?.unref();
      this.#idle = setTimeout(() => this.#rest(), IDLE_MS).unref();
    });
  }

  #start(): Worker {
    const thread = new Worker(moduleUrl('./reader-thread', import.meta.url), {
      resourceLimits: { maxOldGenerationSizeMb: this.#megabytes },
    });
    const isCurrent = () => this.#thread === thread;
    thread.on('message', (answered: Answered) => {
      if (isCurrent()) this.#asking?.resolve(answered);
    });
    thread.on('error', (error: NodeJS.ErrnoException) => {
      if (!isCurrent()) return;
      this.#thread = undefined;
      if (error.code !== 'ERR_WORKER_OUT_OF_MEMORY') this.#asking?.reject(error);
      else this.#asking?.resolve(this.#tooCostly(`${this.#megabytes} MiB of memory`));
    });
    thread.on('exit', () => {
      if (!isCurrent()) return;
      this.#thread = undefined;
      this.#asking?.reject(new Error('the thread that reads grammars has ended'));
    });
    return thread;
  }

  /** The answer for a specification that is too much for the thread. Its tenant is charged the longest time allowed. */
  #tooCostly(than: string): Answered {
    const message = `reading it takes more than ${than}`;
    return { answer: { fault: { message, path: '', invalid: false, costly: true } }, ms: this.#deadlineMs };
  }

  /** Terminates the thread, even in the middle of a specification. */
  #rest(): void {
    void this.#thread?.terminate();
    this.#thread = undefined;
  }
}

function outcomeOf(key: string, answer: Answer): Outcome {
  if ('fault' in answer) {
    const { message, path, ...kind } = answer.fault;
    return { size: 2 * (message.length + path.length), fault: new ConstraintFault(message, path, kind) };
  }
  const { packed, notes } = answer;
  const size = packed.byteLength + notes.reduce((sum, path) => sum + 2 * path.length, 0);
  return { size, result: { key, packed, notes } };
}
