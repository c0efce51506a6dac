// Admits sequences when KV memory has room, and removes them when they have ended. Keeps the queue and the
// running list.
import { rungLevel } from '../../router/delivery/ladder.ts';
import type { Fleet } from '../../router/fleet.ts';
import { PromptCapacity } from '../../router/routing/expert-capacity.ts';
import { routingKey, usualNumbers } from '../../router/routing/request-routing.ts';
import type { RoutingRule } from '../../router/selection.ts';
import type { Counters } from './counters.ts';
import type { EngineSettings } from './engine-options.ts';
import { notReady } from './faults.ts';
import type { ForwardModel } from './forward.ts';
import { BlockPool } from './memory/blocks.ts';
import { nextIn, victimFor } from './memory/places.ts';
import type { GenerationRequest } from './messages.ts';
import type { Sequence } from './sequence.ts';

interface AdmissionOptions {
  model: Pick<ForwardModel, 'dense' | 'experts' | 'fleet' | 'rules'>;
  settings: Pick<EngineSettings, 'kvMemory' | 'maxSequences'>;
  counters: Counters;
}

export class Admission {
  /** Sequences that wait for admission, in queue order. */
  readonly waiting: Sequence[] = [];
  /** Admitted sequences, in order of admission. */
  readonly running: Sequence[] = [];
  readonly pool: BlockPool;
  readonly #options: AdmissionOptions;

  constructor(options: AdmissionOptions) {
    const { dense } = options.model;
    const { blockSize, blockBytes } = dense.kv;
    this.#options = options;
    this.pool = new BlockPool({ count: Math.floor(options.settings.kvMemory / blockBytes), size: blockSize });
    dense.allocate(this.pool.count);
  }

  /**
   * Adds a sequence behind the waiting sequences whose priority number is the same or lower. Preempted sequences
   * stay in front of the new one, whatever their priority.
   */
  queue(sequence: Sequence): void {
    const at = this.waiting.findIndex((other) => {
      return other.cached === undefined && other.priority > sequence.priority;
    });
    this.waiting.splice(at < 0 ? this.waiting.length : at, 0, sequence);
  }

  /** Admits waiting sequences until there is no room for the next one. memory/places.ts decides which sequence is next. */
  admit(): void {
    const { fleet } = this.#options.model;
    if (this.running.length === 0) fleet.settleClasses();
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      // A preempted sequence has begun, so its calls wait for shards as long as those of running sequences.
      if (next.cached === undefined && !fleet.readyFor(rungLevel(next.request.degrade))) {
        next.fail(notReady(fleet.missing()));
        this.waiting.splice(this.waiting.indexOf(next), 1);
      } else if (!this.#enter(next)) return;
    }
  }

  /** Removes ended sequences from both lists and frees their KV memory. */
  leave(): void {
    for (const { constraint } of remove(this.waiting, (sequence) => sequence.ended)) constraint?.close();
    for (const sequence of remove(this.running, (each) => each.ended)) {
      sequence.constraint?.close();
      this.pool.release(sequence.table);
      this.#options.model.dense.close(sequence.name);
    }
  }

  /**
   * Moves sequences from the running list to the front of the queue. The caller has released their KV blocks. A
   * sequence that is admitted again recomputes the positions that the prefix cache no longer contains.
   */
  preempt(sequences: readonly Sequence[]): void {
    for (const sequence of sequences) {
      this.#options.counters.preempted_sequences++;
      this.#options.model.dense.close(sequence.name);
      this.running.splice(this.running.indexOf(sequence), 1);
      sequence.computed = 0;
      sequence.drafts = [];
      this.waiting.unshift(sequence);
    }
  }

  #next(): Sequence | undefined {
    return nextIn(this.waiting, this.running, (sequence) => !this.#isAwaitingPrompt(sequence));
  }

  /** Whether the sequence must wait until another choice of the same request has computed the prompt. */
  #isAwaitingPrompt({ request, promptLength }: Sequence): boolean {
    const { sharesPromptOf: id, expertCapacity } = request;
    if (
      id === undefined ||
      expertCapacity !== undefined ||
      !this.#options.model.dense.kv.shared ||
      promptLength <= this.pool.size
    )
      return false;
    const computing = this.running.some((each) => each.request.id === id && each.computed < promptLength);
    return computing || this.waiting.some((each) => each.request.id === id);
  }

  /** Admits the sequence, or returns false if there is no room for it. */
  #enter(next: Sequence): boolean {
    const { model, settings, counters } = this.#options;
    const { dense } = model;
    if (this.running.length >= settings.maxSequences && !this.#makeRoom(next)) return false;
    const { promptLogprobs, expertCapacity } = next.request;
    // The prefix cache is not used if the device shares no blocks, or if the request needs all rows of its prompt: for their
    // log-probabilities, or because experts count them.
    const usesCache = dense.kv.shared && promptLogprobs === undefined && expertCapacity === undefined;
    const limit = usesCache ? next.firstNeeded : 0;
    const salt = saltOf(next.request, model);
    const table = this.pool.open(next.ids, { limit, salt });
    while (!this.pool.grow(table, next.length)) {
      if (this.#makeRoom(next)) continue;
      this.pool.release(table);
      return false;
    }
    this.waiting.splice(this.waiting.indexOf(next), 1);
    next.table = table;
    next.salt = salt;
    next.admitted(table.known * this.pool.size, capacityOf(next.request, model));
    counters.cached_prompt_tokens += next.computed;
    dense.open(next.name);
    this.running.push(next);
    return true;
  }

  /** Preempts a sequence of a tenant that has more places than its share. Returns false if none may make room for `next`. */
  #makeRoom(next: Sequence): boolean {
    const victim = victimFor(next, this.running, this.waiting);
    if (victim === undefined) return false;
    this.pool.release(victim.table);
    this.preempt([victim]);
    return true;
  }
}

function capacityOf(
  { expertCapacity, prompt, routing = {} }: GenerationRequest,
  { rules, experts }: Pick<ForwardModel, 'rules' | 'experts'>,
): PromptCapacity | undefined {
  if (expertCapacity === undefined) return undefined;
  const own = rules.map(({ k }) => k);
  return new PromptCapacity(expertCapacity, prompt.length, { experts, ks: usualNumbers(routing, own) });
}

/**
 * The salt of a request's cached prefixes. A shard may have given wrong answers before it was cordoned. So the salt contains the
 * number of cordons, and prefixes that were cached before the latest cordon are not reused. It also contains how the request's rows choose
 * their experts.
 */
export function saltOf(
  { cacheSalt = '', routing = {} }: Pick<GenerationRequest, 'cacheSalt' | 'routing'>,
  { fleet, rules }: { fleet: Pick<Fleet, 'counters'>; rules: readonly Pick<RoutingRule, 'k'>[] },
): string {
  const own = rules.map(({ k }) => k);
  return `${cacheSalt}/${fleet.counters.cordons}/${routingKey(routing, own)}`;
}

/** Removes and returns the items that match. */
function remove<T>(list: T[], matches: (item: T) => boolean): T[] {
  const removed = list.filter(matches);
  if (removed.length > 0) list.splice(0, list.length, ...list.filter((item) => !matches(item)));
  return removed;
}
