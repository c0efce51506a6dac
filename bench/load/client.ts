// A client of the load and the soak: sends requests one after another over its own connection and leaves some of them early.
import { Agent } from 'node:http';
import { errorText } from '../../base/error-text.ts';
import { now } from '../engine.ts';
import { ask, CLOSING_EVENTS, completionTokens } from '../http.ts';
import type { ClientRequest } from './requests.ts';

export interface RequestResult {
  outcome: 'whole' | 'left' | 'error';
  /** Kind of error: the HTTP status and the error's `code`, or how the connection failed. */
  error?: string;
  /** Tokens as the server counts them. For an answer that the client left, the number of events that came. */
  tokens: number;
  sentAt: number;
  /** When the tokens of a stream arrived, on the same clock as `sentAt`. Empty for an answer that was not streamed. */
  times: number[];
}

/** Runs until `signal` is aborted, which also ends a running request. `onResult` is called when a request ends. */
export async function runClient(
  url: string,
  model: string,
  options: { next: () => ClientRequest; onResult: (result: RequestResult) => void; signal: AbortSignal },
): Promise<void> {
  const { next, onResult, signal } = options;
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  while (!signal.aborted) {
    const { path, body, leaveAfterMs } = next();
    const early = leaveAfterMs === undefined ? [] : [AbortSignal.timeout(leaveAfterMs)];
    const left = AbortSignal.any([signal, ...early]);
    const result: RequestResult = { outcome: 'whole', tokens: 0, sentAt: now(), times: [] };
    const onEvent = (at: number) => void result.times.push(at);
    try {
      const answer = await ask(new URL(path, url), { model, ...body }, { agent, signal: left, onEvent });
      const { tail } = answer;
      result.error = errorOf(answer);
      result.times.splice(result.error === undefined ? -CLOSING_EVENTS : -1);
      if (result.error !== undefined) result.outcome = 'error';
      else result.tokens = completionTokens(tail);
    } catch (error) {
      result.outcome = left.aborted ? 'left' : 'error';
      if (left.aborted) result.tokens = result.times.length;
      else result.error = errorText(error);
    }
    onResult(result);
  }
  agent.destroy();
}

function errorOf({ status, streamed, ending, tail }: Awaited<ReturnType<typeof ask>>): string | undefined {
  const [, code] = /"error":\{.*"code":"?(\w+)/.exec(tail) ?? [];
  if (status !== 200) return `${status} ${code}`;
  if (streamed && code !== undefined) return `in a stream: ${code}`;
  if (streamed && ending === 'cut') return 'a stream without its end';
  return Number.isNaN(completionTokens(tail)) ? 'an answer without usage' : undefined;
}
