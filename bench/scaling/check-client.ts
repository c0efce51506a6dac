// The client of the check: sends requests at their times, each to the gateway with the fewest open requests, as the simulated edge does.
import { setTimeout as delay } from 'node:timers/promises';
import { errorText } from '../../base/error-text.ts';
import type { ArrivingRequest } from '../../infra/scaling/simulator/traffic.ts';
import { post } from '../http.ts';
import type { LiveGateway } from './check-cell.ts';

export interface Played {
  /** Seconds until the first token and until the end. Undefined if the request failed. */
  firstSeconds: number | undefined;
  endSeconds: number | undefined;
  error: string | undefined;
}

interface Player {
  model: string;
  vocab: number;
  gateways: () => readonly LiveGateway[];
}

/** Answers have exactly their number of tokens. No two prompts begin alike, so no prompt is in a cache. */
export async function generate(
  { model, vocab }: Pick<Player, 'model' | 'vocab'>,
  gateway: LiveGateway,
  request: Pick<ArrivingRequest, 'prompt' | 'answer'>,
  number: number,
): Promise<Played> {
  const startedAt = performance.now();
  const prompt = Array.from({ length: request.prompt }, (_, i) => (31 * number + 7 * i + 11) % vocab);
  const body = { model, prompt, max_tokens: request.answer, ignore_eos: true, temperature: 0, stream: true };
  const seconds = () => (performance.now() - startedAt) / 1000;
  const played: Played = { firstSeconds: undefined, endSeconds: undefined, error: undefined };
  gateway.open++;
  try {
    const response = await post(new URL('/v1/completions', gateway.url), body, { agent: false });
    let text = '';
    for await (const chunk of response) {
      text += chunk.toString('latin1');
      // While a request waits, its stream has comments, which keep the connection open.
      if (/^data: /m.test(text)) played.firstSeconds ??= seconds();
    }
    if (response.statusCode === 200 && text.endsWith('data: [DONE]\n\n')) played.endSeconds = seconds();
    else played.error = `${response.statusCode} ${text.slice(-500)}`;
  } catch (error) {
    played.error = errorText(error);
  } finally {
    gateway.open--;
  }
  return played;
}

/** Sends each request at its time after now, and resolves when all have ended. */
export async function play(player: Player, requests: readonly ArrivingRequest[]): Promise<Played[]> {
  const startedAt = performance.now();
  const results = requests.map(async (request, i) => {
    await delay(Math.max(0, 1000 * request.at - (performance.now() - startedAt)));
    const [first, ...others] = player.gateways();
    if (first === undefined) throw new Error('no gateway is ready: the rules must keep one');
    const least = others.reduce((a, b) => (b.open < a.open ? b : a), first);
    return generate(player, least, request, i);
  });
  return Promise.all(results);
}
