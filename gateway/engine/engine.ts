// Continuous batching: sequences enter and leave at any step; one step computes the rows that the scheduler names.
// Knows token ids and devices; no text, no HTTP.
import { createHash } from 'node:crypto';
import type { ModelConfig } from '../../model/config.ts';
import type { DenseDevice, Rows, Span } from '../../model/devices/dense.ts';
import type { Fleet } from '../../router/fleet.ts';
import type { RoutingRule } from '../../router/selection.ts';
import { callFailed, fault, notReady } from './faults.ts';
import { type ForwardModel, forward } from './forward.ts';
import type {
  EngineClient,
  EngineInfo,
  EngineStatus,
  GenerationPart,
  GenerationRequest,
} from './messages.ts';
import { PartQueue } from './part-queue.ts';
import { sample } from './sampler.ts';
import { admits, planStep } from './scheduler.ts';
import { Sequence } from './sequence.ts';

export interface EngineOptions {
  config: ModelConfig;
  /** Of the checkpoint (bundle.json). */
  identity: string;
  /** Of the bundle that the dense device reads. */
  content: string;
  dense: DenseDevice;
  fleet: Fleet;
  /** Of each layer. */
  rules: readonly RoutingRule[];
  /** Most positions of a sequence; the checkpoint's own context at most. */
  context?: number;
  /** Sequences that run at once. */
  maxSequences?: number;
  /** Sequences that wait at once; one more is refused. */
  maxWaiting?: number;
  /** Bytes. */
  kvMemory?: number;
  /** Prompt rows in one step. */
  prefillRows?: number;
  /** Each call to a shard must be answered within this. */
  callDeadlineMs?: number;
  /** Hears of a step that threw; its sequences have been failed. */
  onFault?: (cause: unknown) => void;
}

export class Engine implements EngineClient {
  readonly info: EngineInfo;
  readonly #model: ForwardModel;
  readonly #options: Required<Omit<EngineOptions, 'dense' | 'fleet' | 'rules' | 'config'>>;
  readonly #waiting: Sequence[] = [];
  readonly #running: Sequence[] = [];
  readonly #counters = {
    steps: 0,
    step_rows: 0,
    prompt_tokens: 0,
    generated_tokens: 0,
    failed_sequences: 0,
    aborted_sequences: 0,
  };
  #reserved = 0;
  #names = 0;
  #closing = false;
  #wake: () => void = () => {};
  readonly #loop: Promise<void>;
  /** The step under way: which rows are still wanted. */
  #step: { spans: readonly Span[]; wanted: Uint8Array; abort: AbortController } | undefined;

  constructor({ config, dense, fleet, rules, ...rest }: EngineOptions) {
    this.#options = {
      context: config.context,
      maxSequences: 64,
      maxWaiting: 256,
      kvMemory: 2 ** 31,
      prefillRows: 256,
      callDeadlineMs: 10_000,
      onFault: () => {},
      ...rest,
    };
    const { identity, context } = this.#options;
    if (context > config.context) {
      throw new Error(`a context of ${context} is more than the checkpoint's ${config.context}`);
    }
    this.#options.prefillRows = Math.max(this.#options.prefillRows, 2 * dense.minPrefillRows);
    this.#model = { dense, fleet, identity, hidden: config.hidden, experts: config.experts, rules };
    this.info = { identity, vocab: config.vocab, context };
    this.#loop = this.#run();
  }

  async *generate(request: GenerationRequest, signal: AbortSignal): AsyncGenerator<GenerationPart> {
    const queue = new PartQueue();
    const refusal = this.#refusal(request);
    if (refusal !== undefined) {
      yield { type: 'error', error: refusal };
      return;
    }
    const sequence = new Sequence(this.#names++, request, (part) => queue.push(part));
    this.#waiting.push(sequence);
    this.#wake();
    const abort = () => {
      this.#abort(sequence);
      queue.end();
    };
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    try {
      yield* queue;
    } finally {
      signal.removeEventListener('abort', abort);
      this.#abort(sequence);
    }
  }

  async status(): Promise<EngineStatus> {
    const { fleet, dense } = this.#model;
    const shards = fleet.status();
    const { identity, content, kvMemory } = this.#options;
    const classes = [...new Set(shards.flatMap((shard) => shard.numericsClass ?? []))].sort();
    const named = createHash('sha256').update(
      JSON.stringify([identity, content, dense.numericsClass, classes]),
    );
    return {
      ready: fleet.ready && !this.#closing,
      missing: fleet.missing(),
      running: this.#running.length,
      waiting: this.#waiting.length,
      kvBytesReserved: this.#reserved,
      kvBytesLimit: kvMemory,
      shards,
      fingerprint: `fp_${named.digest('hex').slice(0, 12)}`,
      counters: { ...this.#counters, ...fleetCounters(fleet) },
    };
  }

  async close(graceMs: number): Promise<void> {
    this.#closing = true;
    this.#wake();
    const cut = setTimeout(() => {
      for (const sequence of [...this.#waiting, ...this.#running]) {
        sequence.fail(fault('shutting_down', 'the server is shutting down'));
      }
      this.#step?.abort.abort();
      this.#wake();
    }, graceMs);
    await this.#loop;
    clearTimeout(cut);
  }

  /** Why a request cannot even wait, if so. */
  #refusal({ prompt, maxTokens }: GenerationRequest) {
    const { context, kvMemory, maxWaiting } = this.#options;
    const { vocab } = this.info;
    const { dense, fleet } = this.#model;
    if (this.#closing) return fault('shutting_down', 'the server is shutting down');
    if (prompt.length === 0) return fault('invalid_request', 'the prompt has no tokens');
    if (maxTokens < 1) return fault('invalid_request', 'max_tokens must be at least 1');
    const stranger = prompt.find((id) => id < 0 || id >= vocab);
    if (stranger !== undefined) {
      return fault('invalid_request', `token id ${stranger} is outside the vocabulary of ${vocab}`);
    }
    const reach = prompt.length + maxTokens;
    if (reach > context) {
      const asked = `${reach} tokens (${prompt.length} of prompt, ${maxTokens} of answer)`;
      return fault('context_length_exceeded', `${asked} are more than the context of ${context}`);
    }
    if (dense.kvBytes(reach) > kvMemory) {
      return fault(
        'context_length_exceeded',
        `${reach} tokens need more KV memory than the ${kvMemory} bytes allowed`,
      );
    }
    if (!fleet.ready) return notReady(fleet.missing());
    if (this.#waiting.length >= maxWaiting) {
      return fault('queue_full', `${maxWaiting} requests are waiting already`, { retryAfterMs: 1000 });
    }
    return undefined;
  }

  async #run(): Promise<void> {
    for (;;) {
      this.#leave();
      this.#admit();
      if (this.#running.length > 0) await this.#stepOrFail();
      else if (this.#closing && this.#waiting.length === 0) return;
      else await new Promise<void>((wake) => (this.#wake = wake));
    }
  }

  /** Takes ended sequences out of both lists and frees their KV. */
  #leave(): void {
    remove(this.#waiting, (sequence) => sequence.ended);
    for (const sequence of remove(this.#running, (each) => each.ended)) {
      this.#model.dense.close(sequence.name);
      this.#reserved -= this.#model.dense.kvBytes(sequence.reach);
    }
  }

  #admit(): void {
    const { dense, fleet } = this.#model;
    const { maxSequences, kvMemory } = this.#options;
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const bytes = dense.kvBytes(next.reach);
      const now = { running: this.#running.length, maxSequences, reserved: this.#reserved, kvMemory };
      if (!admits(bytes, now)) return;
      this.#waiting.shift();
      if (!fleet.ready) {
        next.fail(notReady(fleet.missing()));
        continue;
      }
      dense.open(next.name);
      this.#reserved += bytes;
      this.#running.push(next);
    }
  }

  /** A step that throws fails its sequences, never the process. */
  async #stepOrFail(): Promise<void> {
    try {
      await this.#runStep();
    } catch (cause) {
      this.#options.onFault(cause);
      const message = cause instanceof Error ? cause.message : String(cause);
      for (const sequence of this.#running) this.#fail(sequence, fault('internal', message));
    } finally {
      this.#step = undefined;
    }
  }

  async #runStep(): Promise<void> {
    const { dense, hidden } = this.#model;
    const limits = { prefillRows: this.#options.prefillRows, minPrefillRows: dense.minPrefillRows };
    const spans = planStep(this.#running, limits);
    const byName = new Map(this.#running.map((sequence) => [sequence.name, sequence]));
    const sequences = spans.map((span) => byName.get(span.sequence)!);
    const owners = spans.flatMap((span, index) => new Array<Sequence>(span.count).fill(sequences[index]!));
    const wanted = new Uint8Array(owners.length).fill(1);
    const abort = new AbortController();
    this.#step = { spans, wanted, abort };

    const rows = await forward(
      this.#model,
      {
        ids: Int32Array.from(
          spans.flatMap(({ start, count }, i) => sequences[i]!.ids.slice(start, start + count)),
        ),
        spans,
        bulk: Uint8Array.from(spans.flatMap((span, i) => isPrefill(span, sequences[i]!))),
        wanted,
        deadlineMs: this.#options.callDeadlineMs,
        signal: abort.signal,
        trace: `step-${this.#counters.steps}`,
      },
      (row, error) => this.#fail(owners[row]!, callFailed(error)),
    );
    this.#counters.steps++;
    this.#counters.step_rows += owners.length;
    if (abort.signal.aborted) return;

    // Logits are needed where a span reaches the last known id.
    const due: { sequence: Sequence; row: number }[] = [];
    let row = -1;
    for (const [index, { start, count }] of spans.entries()) {
      const sequence = sequences[index]!;
      row += count;
      sequence.computed = start + count;
      if (start < sequence.promptLength) this.#counters.prompt_tokens += count;
      if (sequence.computed === sequence.length && !sequence.ended) due.push({ sequence, row });
    }
    if (due.length === 0) return;
    const logits = await dense.head(gather(rows, hidden, due));
    for (const [index, { sequence }] of due.entries()) {
      if (!sequence.ended)
        this.#sample(sequence, logits.subarray(index * this.info.vocab, (index + 1) * this.info.vocab));
    }
  }

  #sample(sequence: Sequence, logits: Rows): void {
    const { request, length: position, generated, seen, constraint } = sequence;
    const { sampling: settings, logprobs } = request;
    const digest = request.digests ? digestOf(logits) : undefined;
    sequence.take(sample({ logits, settings, position, generated, seen, constraint, logprobs }), digest);
    this.#counters.generated_tokens++;
  }

  #fail(sequence: Sequence, error: ReturnType<typeof fault>): void {
    if (sequence.ended) return;
    this.#counters.failed_sequences++;
    sequence.fail(error);
    this.#unwant(sequence);
  }

  #abort(sequence: Sequence): void {
    if (sequence.ended) return;
    sequence.ended = true;
    this.#counters.aborted_sequences++;
    this.#unwant(sequence);
    this.#wake();
  }

  /** No shard works on for the sequence's rows of the step under way; without any wanted row the step ends. */
  #unwant(sequence: Sequence): void {
    if (this.#step === undefined) return;
    let row = 0;
    for (const span of this.#step.spans) {
      if (span.sequence === sequence.name) this.#step.wanted.fill(0, row, row + span.count);
      row += span.count;
    }
    if (!this.#step.wanted.includes(1)) this.#step.abort.abort();
  }
}

/** In the names that /metrics gives them. */
function fleetCounters({ counters }: Fleet): Record<string, number> {
  return {
    expert_calls: counters.calls,
    expert_rows: counters.rows,
    expert_call_failures: counters.failures,
    expert_bytes_sent: counters.bytesSent,
    expert_bytes_received: counters.bytesReceived,
    shard_reconnects: counters.reconnects,
  };
}

function isPrefill({ start, count }: Span, { promptLength }: Sequence): number[] {
  return new Array<number>(count).fill(start < promptLength ? 1 : 0);
}

function gather(rows: Rows, width: number, due: readonly { row: number }[]): Rows {
  const out = new Float32Array(due.length * width);
  for (const [index, { row }] of due.entries())
    out.set(rows.subarray(row * width, (row + 1) * width), index * width);
  return out;
}

/** 64 bits of SHA-256 over the row's bytes. */
function digestOf(row: Rows): string {
  const bytes = new Uint8Array(row.buffer, row.byteOffset, row.byteLength);
  return createHash('sha256').update(bytes).digest('hex').slice(0, 16);
}

/** Removes and returns the items that match. */
function remove<T>(list: T[], matches: (item: T) => boolean): T[] {
  const removed = list.filter(matches);
  if (removed.length > 0) list.splice(0, list.length, ...list.filter((item) => !matches(item)));
  return removed;
}
