// One running answer: its ids, how far they are computed, what the sampler must remember. Knows no device.
import type { Rung } from '../../router/delivery/ladder.ts';
import type { Constraint } from '../constraints/masks/constraint.ts';
import type { BlockTable } from './memory/blocks.ts';
import type {
  Began,
  DegradedHops,
  GenerationPart,
  GenerationRequest,
  PromptLogprob,
  Route,
} from './messages.ts';
import type { Sampled } from './sampling/sampler.ts';
import { Speculation } from './sampling/speculation.ts';

/** Where a token comes from, as far as the request asks. */
export interface Provenance {
  /** Of the logits. */
  digest?: string | undefined;
  route?: Route | undefined;
}

export class Sequence {
  /** The name under which the dense device keeps its KV. */
  readonly name: number;
  readonly request: GenerationRequest;
  /** What the answer is held to, once it is open. */
  constraint: Constraint | undefined;
  /** It gets no rows: which ids may come next is not known yet. */
  held = false;
  /** Prompt and answer. */
  readonly ids: number[];
  readonly generated = new Map<number, number>();
  readonly seen: Set<number>;
  /** Blocks of KV memory; empty while it waits. */
  table: BlockTable = { blocks: [], known: 0, prefix: 0 };
  /** Parts the blocks that it may share from others'. */
  salt = '';
  /** Positions whose K and V are in the cache. */
  computed = 0;
  /** Prompt positions that were in the cache when it first began. */
  cached: number | undefined;
  /** Prompt tokens whose log-probabilities were told, the first counted with them. */
  scored = 1;
  /** Ids drafted to follow; verified and dropped in the next step. */
  drafts: readonly number[] = [];
  /** Number of the step that computed it last. */
  stepped = 0;
  /** Set when nobody wants the answer any more, or it failed. */
  ended = false;
  /** Times that something stood in for an expert. */
  readonly degraded = new Map<Rung, number>();
  readonly #speculation = new Speculation();
  readonly #askedAt = performance.now();
  /** When it was let in for the first time. */
  #admittedAt: number | undefined;
  /** It was told how long the answer took to begin. */
  #begun = false;
  readonly #emit: (part: GenerationPart) => void;

  constructor(name: number, request: GenerationRequest, emit: (part: GenerationPart) => void) {
    this.name = name;
    this.request = request;
    this.ids = Array.from(request.prompt);
    this.seen = new Set(request.prompt);
    this.#emit = emit;
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

  /** It has its place and its KV memory, `computed` positions of it known already. */
  admitted(computed: number): void {
    this.computed = computed;
    this.cached ??= computed;
    this.#admittedAt ??= performance.now();
  }

  /** Rows of the span whose logits tell the log-probability of a prompt token that was not told yet. */
  unscored(start: number, count: number): { first: number; count: number } {
    if (this.request.promptLogprobs === undefined) return { first: start, count: 0 };
    const first = Math.max(start, this.scored - 1);
    return { first, count: Math.max(0, Math.min(start + count, this.promptLength - 1) - first) };
  }

  get answerLength(): number {
    return this.ids.length - this.promptLength;
  }

  /** Positions it may grow to. */
  get reach(): number {
    return this.promptLength + this.request.maxTokens;
  }

  /**
   * Drafts the ids after the next, where the next is all that is left to compute, as far as they are worth their price
   * (speculation.ts).
   */
  draft(price: number): void {
    if (this.length - this.computed !== 1 || this.computed < this.promptLength) return;
    this.drafts = this.#speculation.draft(this.ids, this.reach - this.length - 1, price);
  }

  /** The step's ids were taken; what was computed for drafts that are not among them is dropped. */
  settle(): void {
    this.computed = this.length - 1;
    this.#speculation.learn(this.ids);
    this.drafts = [];
  }

  /** Tells the log-probabilities of the prompt's next tokens. */
  score(logprobs: PromptLogprob[]): void {
    this.scored += logprobs.length;
    this.#emit({ type: 'prompt', logprobs });
  }

  /** The prompt is computed and nothing was to follow. */
  finishPrompt(): void {
    this.#finish('length');
  }

  /** Stop ids that may not come yet. */
  get barred(): readonly number[] {
    const { minTokens = 0, stopIds } = this.request;
    return this.answerLength < minTokens ? stopIds : [];
  }

  /** Takes a sampled token: tells it, and ends the answer where it must end. */
  take({ id, logprob, top }: Sampled, { digest, route }: Provenance = {}): void {
    this.constraint?.advance(id);
    this.ids.push(id);
    this.seen.add(id);
    this.generated.set(id, (this.generated.get(id) ?? 0) + 1);
    if (this.request.stopIds.includes(id)) {
      this.#finish('stop', {
        stopId: id,
        ...(logprob !== undefined && { stopLogprob: { logprob, top: top ?? [] } }),
      });
      return;
    }
    this.#emit({
      type: 'token',
      id,
      ...(logprob !== undefined && { logprob, top }),
      ...(digest !== undefined && { digest }),
      ...(route !== undefined && { route }),
      ...this.#hops(),
      ...this.#began(),
    });
    if (this.constraint?.finished === true) this.#finish('stop');
    else if (this.answerLength >= this.request.maxTokens) this.#finish('length');
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
      cachedTokens: this.cached ?? 0,
      ...this.#hops(),
      ...this.#began(),
    });
  }

  /** With the first part of the answer only. */
  #began(): { began?: Began } {
    if (this.#begun) return {};
    this.#begun = true;
    const now = performance.now();
    const admittedAt = this.#admittedAt ?? now;
    return { began: { queuedMs: admittedAt - this.#askedAt, prefillMs: now - admittedAt } };
  }

  #hops(): { degradedHops?: DegradedHops } {
    return this.degraded.size === 0 ? {} : { degradedHops: Object.fromEntries(this.degraded) };
  }
}
