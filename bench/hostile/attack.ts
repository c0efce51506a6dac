// Entry of a thread that keeps several hostile requests of one API key running and records how each answer ends. It is
// started with `Attack`, posts an `AttackLine` for each request, and ends after the last.
import { parentPort, workerData } from 'node:worker_threads';
import { errorText } from '../../base/error-text.ts';
import { uniform } from '../../test/support/random.ts';
import { type Answer, ask } from '../http.ts';
import { hostileShape, type ShapeLimits } from './shapes.ts';

export interface Attack {
  /** URL of the gateway. */
  url: string;
  model: string;
  key: string;
  /** Seed of the first request. Each further request has the next seed. */
  seed: number;
  /** Number of requests. */
  shapes: number;
  /** Number of requests that run at the same time. */
  atOnce: number;
  /** A request that takes longer is late. */
  patienceMs: number;
  limits: ShapeLimits;
}

/** One hostile request and its result. */
export interface AttackLine {
  seed: number;
  kind: string;
  path: string;
  /** 0 if the connection failed. */
  status: number;
  /** `left`: the client left as planned. `late`: the answer did not end within `patienceMs`. */
  ending: Answer['ending'] | 'left' | 'late';
  ms: number;
  bytes: number;
  /** Message of an error, or how the connection failed. Empty for an answer that finished. */
  detail: string;
}

const parent = parentPort!;
const attack: Attack = workerData;
let next = attack.seed;

await Promise.all(Array.from({ length: attack.atOnce }, keepSending));
parent.close();

async function keepSending(): Promise<void> {
  while (next < attack.seed + attack.shapes) parent.postMessage(await send(next++));
}

async function send(seed: number): Promise<AttackLine> {
  const { url, model, key, patienceMs, limits } = attack;
  const { kind, path, body, leaveAfterMs } = hostileShape(uniform(seed), limits);
  const signal = AbortSignal.timeout(Math.min(leaveAfterMs ?? patienceMs, patienceMs));
  const sentAt = performance.now();
  const line = (rest: Pick<AttackLine, 'status' | 'ending' | 'bytes' | 'detail'>) => {
    return { seed, kind, path, ms: Math.round(performance.now() - sentAt), ...rest };
  };
  try {
    const options = { key, signal, agent: false } as const;
    const { status, ending, bytes, tail } = await ask(new URL(path, url), { model, ...body }, options);
    const [, message = tail.slice(-100)] = /"message":"([^"]{0,100})/.exec(tail) ?? [];
    return line({ status, ending, bytes, detail: ending === 'finish' ? '' : message });
  } catch (error) {
    const ending = !signal.aborted ? 'cut' : leaveAfterMs === undefined ? 'late' : 'left';
    return line({ status: 0, ending, bytes: 0, detail: errorText(error) });
  }
}
