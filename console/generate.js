// Asks for a completion and reads its stream: text with the routes of its tokens, then how it ended. Knows no view.
import { ApiError, post } from './api.js';
import { eventData, textOf } from './events.js';

/**
 * @typedef {{ role: 'user' | 'assistant', content: string }} Message
 * @typedef {{ model: string, temperature: number, maxTokens: number }} Settings
 * @typedef {{ type: 'text', text: string, routes: number[][][] }} Text
 * @typedef {{ type: 'finish', reason: string }} Finish
 */

/**
 * @param {readonly Message[]} messages
 * @param {Settings} settings
 * @param {AbortSignal} signal
 */
export function chat(messages, settings, signal) {
  return stream('v1/chat/completions', { messages }, settings, signal);
}

/**
 * @param {string} prompt
 * @param {Settings} settings
 * @param {AbortSignal} signal
 */
export function complete(prompt, settings, signal) {
  return stream('v1/completions', { prompt }, settings, signal);
}

/**
 * Throws an ApiError where the gateway refuses or the stream ends in an error.
 * @param {string} path
 * @param {object} asked
 * @param {Settings} settings
 * @param {AbortSignal} signal
 * @returns {AsyncGenerator<Text | Finish, void, undefined>}
 */
async function* stream(path, asked, { model, temperature, maxTokens }, signal) {
  const settings = { model, temperature, max_tokens: maxTokens, stream: true, expertgrid: { routes: true } };
  const { body, status } = await post(path, { ...asked, ...settings }, signal);
  if (body === null) throw new ApiError('The gateway answered without a body.', { status });
  for await (const data of eventData(textOf(body))) {
    if (data === '[DONE]') return;
    const { choices, expertgrid, error } = JSON.parse(data);
    if (error !== undefined) throw new ApiError(error.message, { status, code: error.code });
    const [choice] = choices;
    const text = choice?.text ?? choice?.delta?.content ?? '';
    const routes = expertgrid?.routes ?? [];
    if (text !== '' || routes.length > 0) yield { type: 'text', text, routes };
    if (choice?.finish_reason) yield { type: 'finish', reason: choice.finish_reason };
  }
}
