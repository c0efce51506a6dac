// Measures two callers of one gateway, each alone and beside the other. Counts events without parsing them.
import { type IncomingMessage, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { now } from '../engine.ts';

export interface Caller {
  /** API key. */
  key: string;
  streams: number;
}

export interface FairLoadOptions {
  /** URL of the gateway. */
  url: string;
  model: string;
  few: Caller;
  many: Caller;
  /** How long each speed is measured. */
  seconds: number;
  /** Decides the prompts. */
  round: number;
}

/** Tokens a second; the gap and the first token of `few`, in milliseconds. */
export interface FairLoad {
  fewAlone: number;
  manyAlone: number;
  few: number;
  many: number;
  /** 99th percentiles. */
  gapAlone: number;
  gap: number;
  firstAlone: number;
  first: number;
}

/** From the start of a load until it is measured. Milliseconds. */
const SETTLE = 1_000;
const PROMPT = 16;
const ANSWER = 1_500;
/** After the tokens come the finish and `[DONE]`. */
const CLOSING_EVENTS = 2;

export async function fairLoad({ few, many, seconds, round, ...server }: FairLoadOptions): Promise<FairLoad> {
  const open = (caller: Caller, prompts: number) =>
    openStreams({ ...server, ...caller, prompts: prompts + 1_000 * round });
  const measured = async (loads: readonly Load[]) => {
    await delay(SETTLE);
    const from = now();
    await delay(1_000 * seconds);
    const to = now();
    return loads.map(({ times }) => {
      const within = times.map((own) => own.filter((at) => at > from && at <= to));
      const gaps = within.flatMap((own) => own.slice(1).map((at, i) => at - (own[i] ?? at)));
      return {
        rate: within.reduce((sum, own) => sum + own.length, 0) / ((to - from) / 1000),
        gap: gaps.toSorted((a, b) => a - b)[Math.floor(0.99 * gaps.length)] ?? Number.NaN,
      };
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
  await delay(SETTLE);
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
  /** `[streams]`, when each token came. */
  times: number[][];
  /** Of the first stream's first answer. */
  readonly firstMs: number;
  close(): Promise<void>;
}

/** Keeps this many answers running. `close` throws if one failed. */
function openStreams({
  url,
  model,
  key,
  streams,
  prompts,
}: Caller & { url: string; model: string; prompts: number }): Load {
  const leaving = new AbortController();
  const times: number[][] = Array.from({ length: streams }, () => []);
  const startedAt = now();
  const ended = times.map(async (own, n) => {
    for (let answer = 0; !leaving.signal.aborted; answer++) {
      const prompt = Array.from(
        { length: PROMPT },
        (_, i) => (prompts + 31 * n + 7 * i * (n + answer + 1)) % 250,
      );
      const body = {
        model,
        prompt,
        max_tokens: ANSWER,
        ignore_eos: true,
        stream: true,
        temperature: 0.8,
        seed: n,
      };
      await readStream(new URL('/v1/completions', url), { body, key, signal: leaving.signal, times: own });
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

async function readStream(
  url: URL,
  { body, key, signal, times }: { body: object; key: string; signal: AbortSignal; times: number[] },
): Promise<void> {
  try {
    const response = await post(url, { body: JSON.stringify(body), key, signal });
    let end = '';
    for await (const chunk of response) {
      const at = now();
      const text = end + String(chunk);
      if (response.statusCode !== 200) throw new Error(`${url.pathname}: ${response.statusCode} ${text}`);
      // An event ends with an empty line, which may be cut in two.
      for (let i = text.indexOf('\n\n'); i >= 0; i = text.indexOf('\n\n', i + 2)) times.push(at);
      end = text.endsWith('\n\n') ? '' : text.slice(-1);
    }
    times.splice(-CLOSING_EVENTS);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

function post(
  url: URL,
  { body, key, signal }: { body: string; key: string; signal: AbortSignal },
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      authorization: `Bearer ${key}`,
    };
    const sent = request(url, { method: 'POST', headers, signal, agent: false }, resolve);
    sent.on('error', reject);
    sent.end(body);
  });
}
