// Requests a completion and reads its stream: text with the routes of its tokens, then the reason for its end and its usage.
import { ApiError, post } from '../api.js';
import { eventData, textOf } from './events.js';

/**
 * @typedef {{ role: 'system' | 'user' | 'assistant', content: string }} Message
 * @typedef {object} Settings
 * @property {string} model
 * @property {number} [temperature]
 * @property {number} maxTokens
 * @property {number} [topP]
 * @property {number} [seed]
 * @property {string[]} [stop]
 *
 * @typedef {{ type: 'text', text: string, routes: number[][][] }} Text
 * @typedef {{ type: 'finish', reason: string }} Finish
 * @typedef {{ type: 'usage', prompt: number, cached: number, generated: number, seed: number | undefined }} Usage
 */

/**
 * @param {readonly Message[]} messages
 * @param {Settings} settings
 * @param {AbortSignal} signal
 */
export function chat(messages, settings, signal) {
  return stream('v1/chat/completions', { messages }, settings, signal);
}

/** @type {(prompt: string, settings: Settings, signal: AbortSignal) => ReturnType<typeof stream>} */
export function complete(prompt, settings, signal) {
  return stream('v1/completions', { prompt }, settings, signal);
}

/**
 * Throws an ApiError if the gateway refuses the request or the stream ends with an error.
 * @param {string} path
 * @param {object} asked
 * @param {Settings} settings
 * @param {AbortSignal} signal
 * @returns {AsyncGenerator<Text | Finish | Usage, void, undefined>}
 */
async function* stream(path, asked, settings, signal) {
  const { body, status } = await post(path, { ...asked, ...fieldsOf(settings) }, signal);
  if (body === null) throw new ApiError('The gateway answered without a body.', { status });
  /** @type {number | undefined} */
  let seed;
  for await (const data of eventData(textOf(body))) {
    if (data === '[DONE]') return;
    const { choices, usage, expertgrid, error } = JSON.parse(data);
    if (error !== undefined) throw new ApiError(error.message, { status, code: error.code });
    seed ??= expertgrid?.seed;
    const [choice] = choices;
    const text = choice?.text ?? choice?.delta?.content ?? '';
    const routes = expertgrid?.routes ?? [];
    if (text !== '' || routes.length > 0) yield { type: 'text', text, routes };
    if (choice?.finish_reason) yield { type: 'finish', reason: choice.finish_reason };
    if (usage) yield usageOf(usage, seed);
  }
}

/**
 * @param {{ prompt_tokens: number, completion_tokens: number, prompt_tokens_details?: { cached_tokens?: number } | null }} usage
 * @param {number | undefined} seed
 * @returns {Usage}
 */
function usageOf(
  { prompt_tokens: prompt, completion_tokens: generated, prompt_tokens_details: details },
  seed,
) {
  return { type: 'usage', prompt, generated, cached: details?.cached_tokens ?? 0, seed };
}

/** @param {Settings} settings */
function fieldsOf({ model, temperature, maxTokens, topP, seed, stop = [] }) {
  return {
    model,
    max_tokens: maxTokens,
    ...(temperature !== undefined && { temperature }),
    ...(topP !== undefined && { top_p: topP }),
    ...(seed !== undefined && { seed }),
    ...(stop.length > 0 && { stop }),
    stream: true,
    stream_options: { include_usage: true },
    expertgrid: { routes: true },
  };
}
