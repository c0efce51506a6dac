// An engine without a model for tests of the API: it generates given ids, one in each step. It keeps the contract of an
// engine: stop ids, limits, aborts, and one finish or error.
import { setTimeout as sleep } from 'node:timers/promises';
import type {
  EngineClient,
  EngineLoad,
  EngineStatus,
  GenerationError,
  GenerationPart,
  GenerationRequest,
  HeatReport,
  KvPrefix,
  PromptLogprob,
} from '../../../gateway/engine/messages.ts';

export interface FakeEngineOptions {
  vocab: number;
  context?: number;
  sharesPrefixes?: boolean;
  /** The ids that are generated for a request. They repeat forever unless `once` is set. */
  reply?: (request: GenerationRequest) => readonly number[];
  once?: boolean;
  /** Log-probability of each token of a request. */
  logprobOf?: (request: GenerationRequest) => number;
  /** Pause before each token, and a further pause before the first token. */
  stepMs?: number;
  prefillMs?: number;
  /** Each generation first waits for this promise. */
  prefill?: Promise<void>;
  /** Ends each generation with this error after `after` tokens. */
  fail?: { after: number; error: GenerationError };
  status?: Partial<EngineStatus>;
  load?: Partial<EngineLoad>;
  heat?: HeatReport;
  /** How long `status()` and `heat()` take. */
  statusMs?: number;
}

export class FakeEngine implements EngineClient {
  readonly info;
  readonly requests: GenerationRequest[] = [];
  /** Milliseconds that each tenant was charged. */
  readonly charged = new Map<string, number>();
  /** Number of running generations. */
  open = 0;
  /** Number of generations that ended because of an abort or because their reader left. */
  cancelled = 0;
  /** Number of tokens generated. */
  produced = 0;
  options: FakeEngineOptions;

  constructor(options: FakeEngineOptions) {
    this.options = options;
    const { vocab, context = 2048, sharesPrefixes = true } = options;
    const model = {
      identity: 'fake',
      content: 'fake',
      vocab,
      layers: 2,
      experts: 8,
      expertsPerToken: [1, 2],
      perToken: { least: 1, most: 8 },
    };
    this.info = { ...model, context, sharesPrefixes };
  }

  charge(tenant: string, ms: number): void {
    this.charged.set(tenant, (this.charged.get(tenant) ?? 0) + ms);
  }

  async *generate(request: GenerationRequest, signal: AbortSignal): AsyncGenerator<GenerationPart> {
    const { reply = () => [1, 2, 3], once = false, stepMs = 0, prefillMs = 0, prefill, fail } = this.options;
    this.requests.push(request);
    this.open++;
    let ended = false;
    const stopLogprob = (id: number) => {
      const logprob = this.options.logprobOf?.(request) ?? -0.5;
      return logprobPart(request, id, { vocab: this.info.vocab, logprob });
    };
    const finish = (reason: 'stop' | 'length', completionTokens: number, stopId?: number): GenerationPart => {
      ended = true;
      const promptTokens = request.prompt.length;
      return {
        type: 'finish',
        reason,
        ...(stopId !== undefined && { stopId }),
        ...(stopId !== undefined && request.logprobs !== undefined && { stopLogprob: stopLogprob(stopId) }),
        promptTokens,
        completionTokens,
        cachedTokens: 0,
      };
    };
    try {
      await prefill;
      await pause(prefillMs, signal);
      if (request.promptLogprobs !== undefined) yield promptPart(request);
      const ids = reply(request);
      for (let count = 0; ; count++) {
        await pause(stepMs, signal);
        if (signal.aborted) return;
        if (fail !== undefined && count === fail.after) {
          ended = true;
          yield { type: 'error', error: fail.error };
          return;
        }
        if (count === request.maxTokens || (once && count === ids.length)) {
          yield finish(count === request.maxTokens ? 'length' : 'stop', count);
          return;
        }
        const id = ids[count % ids.length];
        if (request.stopIds.includes(id) && count >= (request.minTokens ?? 0)) {
          yield finish('stop', count + 1, id);
          return;
        }
        this.produced++;
        const logprob = this.options.logprobOf?.(request) ?? -0.5;
        yield tokenPart(request, id, count, { vocab: this.info.vocab, logprob });
      }
    } finally {
      this.open--;
      if (!ended) this.cancelled++;
    }
  }

  load(): EngineLoad {
    const blocks = { usedBlocks: 0, blocks: 16, blockSize: 64 };
    return {
      running: this.open,
      waiting: 0,
      waitingSince: 0,
      ...blocks,
      promptTokens: 0,
      cachedTokens: 0,
      ...this.options.load,
    };
  }

  async status(): Promise<EngineStatus> {
    await sleep(this.options.statusMs ?? 0);
    return {
      ready: true,
      missing: [],
      single: [],
      borrowed: [],
      units: { missing: 0, single: 0, borrowed: 0 },
      running: this.open,
      waiting: 0,
      kvBytesReserved: 0,
      kvBytesLimit: 1024,
      shards: [],
      fingerprint: 'fp_fake',
      numerics: 'fake',
      counters: { steps: this.produced },
      ...this.options.status,
    };
  }

  async heat({ successors = false }: { successors?: boolean } = {}): Promise<HeatReport> {
    await sleep(this.options.statusMs ?? 0);
    const { successors: known, ...heat } = this.options.heat ?? noHeat;
    return successors && known !== undefined ? { ...heat, successors: known } : heat;
  }

  async readPrefix(): Promise<undefined> {}

  async writePrefix(_: KvPrefix): Promise<boolean> {
    return false;
  }

  async close(): Promise<void> {
    this.options = { ...this.options, fail: { after: 0, error: shuttingDown } };
  }
}

const noHeat: HeatReport = {
  layers: 1,
  experts: 2,
  halfLifeSeconds: 600,
  counts: new Float64Array(2),
  totals: new Float64Array(2),
  steps: [],
};

const shuttingDown: GenerationError = {
  code: 'shutting_down',
  message: 'the engine is closing',
  retryable: true,
};

function tokenPart(
  request: GenerationRequest,
  id: number,
  position: number,
  { vocab, logprob }: { vocab: number; logprob: number },
): GenerationPart {
  const part: GenerationPart = { type: 'token', id };
  if (request.digests === true) part.digest = `digest-${position}-${id}`;
  if (request.routes === true) part.route = [[position], [id, id + 1]];
  return request.logprobs === undefined ? part : { ...part, ...logprobPart(request, id, { vocab, logprob }) };
}

function logprobPart(
  { logprobs = 0 }: GenerationRequest,
  id: number,
  { vocab, logprob }: { vocab: number; logprob: number },
): PromptLogprob {
  const top = Array.from({ length: logprobs }, (_, rank) => ({
    id: (id + rank) % vocab,
    logprob: logprob - rank,
  }));
  return { logprob, top };
}

/** Scores of the prompt: the token at index i + 1 gets the log-probability -1 - i. */
function promptPart({ prompt, promptLogprobs = 0 }: GenerationRequest): GenerationPart {
  const logprobs = [...prompt.subarray(1)].map((id, i) => {
    const top = Array.from({ length: promptLogprobs }, (_, rank) => ({
      id: id + rank,
      logprob: -1 - i - rank,
    }));
    return { logprob: -1 - i, rank: 1, top };
  });
  return { type: 'prompt', logprobs };
}

/** Waits, or returns early if `signal` is aborted. Even 0 ms yield to the event loop, as the step of an engine does. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await sleep(ms, undefined, { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}
