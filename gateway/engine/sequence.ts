// One sequence: its ids, how far they are computed, and what the sampler must remember.
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

/** Where a token comes from, if the request asks for that. */
export interface Provenance {
  /** Hash of the logits. */
  digest?: string | undefined;
  route?: Route | undefined;
}

export class Sequence {
  /** The name under which the dense device keeps its KV. */
  readonly name: number;
  readonly request: GenerationRequest;
  /** The constraint of the answer, once it is open. */
  constraint: Constraint | undefined;
  /** It gets no rows as long as its constraint has not told which ids may come next. */
  held = false;
  /** Ids of prompt and answer. */
  readonly ids: number[];
  readonly generated = new Map<number, number>();
  readonly seen: Set<number>;
  /** Blocks of KV memory; empty while it waits. */
  table: BlockTable = { blocks: [], known: 0, prefix: 0 };
  /** Sequences share cached blocks only if their salts are equal. */
  salt = '';
  /** Positions whose K and V are in the cache. */
  computed = 0;
  /** Prompt positions that were cached when it was first admitted. */
  cached: number | undefined;
  /** Prompt tokens whose log-probabilities have been sent. The first token counts, although it has none. */
  scored = 1;
  /** Drafts, which the next step verifies and drops. */
  drafts: readonly number[] = [];
  /** Number of the last step that computed it. */
  stepped = 0;
  /** It has finished, failed or been aborted. */
  ended = false;
  /** How often each rung stood in for an expert. */
  readonly degraded = new Map<Rung, number>();
  readonly #speculation = new Speculation();
  readonly #askedAt = performance.now();
  /** When it was first admitted. */
  #admittedAt: number | undefined;
  /** A part with `began` has been sent. */
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

  /** It has been admitted. `computed` positions of its KV memory came from the prefix cache. */
  admitted(computed: number): void {
    this.computed = computed;
    this.cached ??= computed;
    this.#admittedAt ??= performance.now();
  }

  /** Rows of the span whose logits give log-probabilities of the prompt that have not been sent yet. */
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

  /** Drafts ids as far as they are worth `price` (speculation.ts), if only the next id is left to compute. */
  draft(price: number): void {
    if (this.length - this.computed !== 1 || this.computed < this.promptLength) return;
    this.drafts = this.#speculation.draft(this.ids, this.reach - this.length - 1, price);
  }

  /** To be called when the step's ids have been taken: drops what was computed for rejected drafts. */
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

  /** The prompt is computed, and the request asked for nothing more. */
  finishPrompt(): void {
    this.#finish('length');
  }

  /** Stop ids that the answer is still too short for. */
  get barred(): readonly number[] {
    const { minTokens = 0, stopIds } = this.request;
    return this.answerLength < minTokens ? stopIds : [];
  }

  /** Appends a sampled token, sends it, and finishes the answer if it has ended. */
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

  /** Timings for the first part of the answer. */
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
