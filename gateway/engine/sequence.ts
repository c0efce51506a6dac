// One sequence: the ids of prompt and answer, how far they are computed, and the state of its sampling.
import type { Rung } from '../../router/delivery/ladder.ts';
import type { PromptCapacity } from '../../router/routing/expert-capacity.ts';
import type { Constraint } from '../constraints/masks/constraint.ts';
import type { BlockTable } from './memory/blocks.ts';
import type {
  Began,
  FinishReason,
  GenerationPart,
  GenerationRequest,
  PromptLogprob,
  Route,
  UnusualHops,
} from './messages.ts';
import type { Sampled } from './sampling/sampler.ts';
import { Speculation } from './sampling/speculation.ts';

/** Reported with a token if the request asks for it. */
interface Provenance {
  /** Hash of the logits. */
  digest?: string | undefined;
  route?: Route | undefined;
}

export class Sequence {
  /** The dense device's name for the sequence. */
  readonly name: number;
  readonly request: GenerationRequest;
  /** The constraint of the answer; undefined before it is open. */
  constraint: Constraint | undefined;
  /** Whether the constraint is still finding out which ids may come next. A held sequence gets no rows. */
  held = false;
  /** Ids of prompt and answer. */
  readonly ids: number[];
  /** How often the answer contains each id. */
  readonly generated = new Map<number, number>();
  /** The distinct ids of prompt and answer. */
  readonly seen: Set<number>;
  /** Blocks of KV memory; empty while the sequence waits. */
  table: BlockTable = { blocks: [], known: 0, prefix: 0 };
  /** Sequences share cached blocks only if their salts are equal. */
  salt = '';
  /** Positions whose K and V are in the cache. */
  computed = 0;
  /** Number of prompt positions in the prefix cache at the first admission; undefined before that admission. */
  cached: number | undefined;
  /** Number of prompt tokens whose log-probabilities have been sent. The first token counts, although it has none. */
  scored = 1;
  /** Number of known ids of the answer (`GenerationRequest.known`) that need no further token part. */
  reported: number;
  /** Number of known ids by which the constraint has been advanced. */
  #replayed = 0;
  /** Draft ids, which the next step verifies and then drops. */
  drafts: readonly number[] = [];
  /** Number of the last step that computed the sequence. */
  stepped = 0;
  /** Whether the sequence has finished, failed or been aborted. */
  ended = false;
  /** For each rung of the degradation ladder, the number of experts' answers that it replaced. */
  readonly degraded = new Map<Rung, number>();
  /** Number of experts' answers that came from shards of other zones. */
  remoteHops = 0;
  /** Calls of experts for the sequence's rows. Counted only if the request has a `routing`. */
  expertCalls = 0;
  /** What experts have taken of the prompt since the last admission; undefined if they take all rows. */
  capacity: PromptCapacity | undefined;
  readonly #speculation = new Speculation();
  readonly #createdAt = performance.now();
  /** Time of the first admission. */
  #admittedAt: number | undefined;
  /** Whether a part with `began` has been sent. */
  #begun = false;
  readonly #emit: (part: GenerationPart) => void;

  constructor(name: number, request: GenerationRequest, emit: (part: GenerationPart) => void) {
    this.name = name;
    this.request = request;
    const { prompt, known = new Int32Array(), unreported = known.length, degradedHops = {} } = request;
    this.ids = [...prompt, ...known];
    this.seen = new Set(this.ids);
    for (const id of known) this.#count(id);
    this.reported = unreported;
    for (const [rung, hops] of Object.entries(degradedHops)) this.degraded.set(rung as Rung, hops);
    this.#emit = emit;
  }

  /** When the request came, in Unix milliseconds. */
  get since(): number {
    return performance.timeOrigin + this.#createdAt;
  }

  get tenant(): string {
    return this.request.tenant ?? '';
  }

  get weight(): number {
    return this.request.weight ?? 1;
  }

  get priority(): number {
    return this.request.priority ?? 0;
  }

  get promptLength(): number {
    return this.request.prompt.length;
  }

  get length(): number {
    return this.ids.length;
  }

  /** Number of ids with which the answer began. */
  get #knownLength(): number {
    return this.request.known?.length ?? 0;
  }

  /** Whether other sequences may use the computed blocks. They may not if rows did without an expert, or had another one. */
  get isShareable(): boolean {
    return this.degraded.size === 0 && this.request.expertCapacity === undefined;
  }

  /** To be called at each admission. The prefix cache has the first `computed` positions. */
  admitted(computed: number, capacity: PromptCapacity | undefined): void {
    this.computed = computed;
    this.capacity = capacity;
    this.cached ??= computed;
    this.#admittedAt ??= performance.now();
  }

  /** Those rows of a span whose logits give prompt log-probabilities that have not been sent yet. */
  unscored(start: number, count: number): { first: number; count: number } {
    if (this.request.promptLogprobs === undefined) return { first: start, count: 0 };
    const first = Math.max(start, this.scored - 1);
    return { first, count: Math.max(0, Math.min(start + count, this.promptLength - 1) - first) };
  }

  /** Those rows of a span whose logits belong to known ids that need a token part. */
  unreported(start: number, count: number): { first: number; count: number } {
    const first = Math.max(start, this.promptLength + this.reported - 1);
    const end = Math.min(start + count, this.promptLength + this.#knownLength - 1);
    return { first, count: Math.max(0, end - first) };
  }

  /** The first position that must be computed even if the cache has it, because its logits are needed. */
  get firstNeeded(): number {
    return (this.reported < this.#knownLength ? this.promptLength + this.reported : this.length) - 1;
  }

  /** Advances the constraint by the known ids until `isOver` returns true. Returns whether it has been advanced by all of them. */
  replay(isOver: () => boolean): boolean {
    const { known = new Int32Array() } = this.request;
    for (; this.#replayed < known.length; this.#replayed++) {
      if (isOver()) return false;
      this.constraint?.advance(known[this.#replayed]!);
    }
    return true;
  }

  /** Whether the constraint has not been advanced by all known ids yet. */
  get isReplaying(): boolean {
    return this.#replayed < this.#knownLength;
  }

  get answerLength(): number {
    return this.ids.length - this.promptLength;
  }

  /** Drafts ids that are worth `price` (speculation.ts), if only the last known id is left to compute. */
  draft(price: number): void {
    if (this.length - this.computed !== 1 || this.computed < this.promptLength) return;
    const mostLength = this.promptLength + this.request.maxTokens;
    this.drafts = this.#speculation.draft(this.ids, mostLength - this.length - 1, price);
  }

  /** To be called after `take`, once in each step. Forgets the positions that were computed for rejected drafts. */
  settle(): void {
    this.computed = this.length - 1;
    this.#speculation.learn(this.ids);
    this.drafts = [];
  }

  /** Sends the log-probabilities of the prompt's next tokens. */
  score(logprobs: PromptLogprob[]): void {
    this.scored += logprobs.length;
    this.#emit({ type: 'prompt', logprobs });
  }

  /** Ends the sequence if its answer is complete, as when only a prompt was to be computed. Returns whether it has ended. */
  finishIfComplete(): boolean {
    const reason = this.#completion;
    if (!this.ended && reason !== undefined) this.#finish(reason);
    return this.ended;
  }

  /** The stop ids while the answer is shorter than `minTokens`; otherwise none. */
  get barred(): readonly number[] {
    const { minTokens = 0, stopIds } = this.request;
    return this.answerLength < minTokens ? stopIds : [];
  }

  /** Appends and sends a sampled token. Finishes the answer if it is complete. */
  take({ id, logprob, top }: Sampled, { digest, route }: Provenance = {}): void {
    this.constraint?.advance(id);
    this.ids.push(id);
    this.seen.add(id);
    this.#count(id);
    if (this.request.stopIds.includes(id)) {
      this.#finish('stop', {
        stopId: id,
        ...(logprob !== undefined && { stopLogprob: { logprob, top: top ?? [] } }),
      });
      return;
    }
    this.#send({ id, logprob, top }, { digest, route });
    this.finishIfComplete();
  }

  /** Sends the token part of the next known id that needs one. */
  report(sampled: Sampled, provenance: Provenance): void {
    this.reported++;
    this.#send(sampled, provenance);
  }

  #send({ id, logprob, top }: Sampled, { digest, route }: Provenance): void {
    this.#emit({
      type: 'token',
      id,
      ...(logprob !== undefined && { logprob, top }),
      ...(digest !== undefined && { digest }),
      ...(route !== undefined && { route }),
      ...this.#hops(),
      ...this.#began(),
    });
  }

  #count(id: number): void {
    this.generated.set(id, (this.generated.get(id) ?? 0) + 1);
  }

  /** Why the answer is complete; undefined if it is not. */
  get #completion(): FinishReason | undefined {
    if (this.constraint?.finished === true) return 'stop';
    return this.answerLength >= this.request.maxTokens ? 'length' : undefined;
  }

  fail(error: (GenerationPart & { type: 'error' })['error']): void {
    if (this.ended) return;
    this.ended = true;
    this.#emit({ type: 'error', error });
  }

  #finish(
    reason: 'stop' | 'length',
    stop: Pick<GenerationPart & { type: 'finish' }, 'stopId' | 'stopLogprob'> = {},
  ): void {
    this.ended = true;
    this.#emit({
      type: 'finish',
      reason,
      ...stop,
      promptTokens: this.promptLength,
      completionTokens: this.answerLength,
      cachedTokens: Math.min(this.cached ?? 0, this.promptLength), // known ids do not count as prompt, even if they are cached
      ...this.#hops(),
      ...this.#began(),
    });
  }

  /** The timings for the first part of the answer; empty for later parts. */
  #began(): { began?: Began } {
    if (this.#begun) return {};
    this.#begun = true;
    const now = performance.now();
    const admittedAt = this.#admittedAt ?? now;
    return { began: { queuedMs: admittedAt - this.#createdAt, prefillMs: now - admittedAt } };
  }

  #hops(): UnusualHops {
    return {
      ...(this.degraded.size > 0 && { degradedHops: Object.fromEntries(this.degraded) }),
      ...(this.remoteHops > 0 && { remoteHops: this.remoteHops }),
      ...(this.expertCalls > 0 && { expertCalls: this.expertCalls }),
      ...(this.capacity !== undefined && { droppedCalls: this.capacity.dropped }),
    };
  }
}
