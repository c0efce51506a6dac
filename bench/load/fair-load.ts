// Measures two API keys of one gateway, one with few streams and one with many, each alone and beside the other.
import { setTimeout as delay } from 'node:timers/promises';
import { now } from '../engine.ts';
import { ask } from '../http.ts';
import { percentile, sum } from '../statistics.ts';

interface Caller {
  /** API key. */
  key: string;
  /** Number of answers that run at once. */
  streams: number;
}

interface FairLoadOptions {
  /** URL of the gateway. */
  url: string;
  model: string;
  few: Caller;
  many: Caller;
  /** How long each speed is measured. */
  seconds: number;
  /** Number of the round. Every round has prompts of its own. */
  round: number;
}

/** Speeds of both keys in tokens a second. Gaps (p99) and times to first token are those of the key `few`, in milliseconds. */
export interface FairLoad {
  fewAlone: number;
  manyAlone: number;
  few: number;
  many: number;
  gapAlone: number;
  gap: number;
  firstAlone: number;
  first: number;
}

/** How long a load runs before it is measured. */
const SETTLE_MS = 1_000;
/** Tokens of each prompt and of each answer. */
const PROMPT = 16;
const ANSWER = 1_500;
/** Events after the tokens: the finish and `[DONE]`. */
const CLOSING_EVENTS = 2;

export async function fairLoad({ few, many, seconds, round, ...server }: FairLoadOptions): Promise<FairLoad> {
  const open = (caller: Caller, prompts: number) =>
    openStreams({ ...server, ...caller, prompts: prompts + 1_000 * round });
  const measured = async (loads: readonly Load[]) => {
    await delay(SETTLE_MS);
    const from = now();
    await delay(1_000 * seconds);
    const to = now();
    return loads.map(({ times }) => {
      const within = times.map((own) => own.filter((at) => at > from && at <= to));
      const gaps = within.flatMap((own) => own.slice(1).map((at, i) => at - (own[i] ?? at)));
      const tokens = sum(within.map(({ length }) => length));
      return { rate: tokens / ((to - from) / 1000), gap: percentile(gaps, 0.99) };
    });
  };
  const alone = async (caller: Caller, prompts: number) => {
    const load = open(caller, prompts);
    const [own] = await measured([load]);
    await load.close();
    return { ...own!, first: load.firstMs };
  };
  const fewAlone = await alone(few, 0);
  const manyAlone = await alone(many, 100);
  const others = open(many, 300);
  await delay(SETTLE_MS);
  const own = open(few, 500);
  const [beside, rest] = await measured([own, others]);
  await Promise.all([own.close(), others.close()]);
  return {
    fewAlone: fewAlone.rate,
    manyAlone: manyAlone.rate,
    few: beside!.rate,
    many: rest!.rate,
    gapAlone: fewAlone.gap,
    gap: beside!.gap,
    firstAlone: fewAlone.first,
    first: own.firstMs,
  };
}

interface Load {
  /** Arrival of each token, by stream. */
  times: number[][];
  /** From the start of the load to the first token of the first stream. */
  readonly firstMs: number;
  close(): Promise<void>;
}

/** Keeps `streams` answers running until `close`, which throws if an answer failed. `prompts` is the seed of the prompts. */
function openStreams({
  url,
  model,
  key,
  streams,
  prompts,
}: Caller & { url: string; model: string; prompts: number }): Load {
  const leaving = new AbortController();
  const { signal } = leaving;
  const times: number[][] = Array.from({ length: streams }, () => []);
  const startedAt = now();
  const ended = times.map(async (own, n) => {
    for (let answer = 0; !signal.aborted; answer++) {
      const prompt = Array.from(
        { length: PROMPT },
        (_, i) => (prompts + 31 * n + 7 * i * (n + answer + 1)) % 250,
      );
      const sampling = { max_tokens: ANSWER, ignore_eos: true, temperature: 0.8, seed: n };
      const body = { model, prompt, stream: true, ...sampling };
      await readStream(new URL('/v1/completions', url), body, { key, signal, times: own });
    }
  });
  return {
    times,
    get firstMs() {
      return (times[0]?.[0] ?? Number.NaN) - startedAt;
    },
    async close() {
      leaving.abort();
      await Promise.all(ended);
    },
  };
}

/** Adds the arrival of each token to `times`. */
async function readStream(
  url: URL,
  body: object,
  { key, signal, times }: { key: string; signal: AbortSignal; times: number[] },
): Promise<void> {
  try {
    const onEvent = (at: number) => void times.push(at);
    const { status, tail } = await ask(url, body, { key, signal, agent: false, onEvent });
    if (status !== 200) throw new Error(`${url.pathname}: ${status} ${tail}`);
    times.splice(-CLOSING_EVENTS);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
