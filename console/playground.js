// The playground: a prompt goes out, its answer streams in, Stop ends it. Knows how to ask, not how answers are shown.
import { ApiError } from './api.js';
import { element, say } from './elements.js';
import { durationText, figure } from './format.js';
import { chat, complete } from './generate.js';
import { chosenModel } from './models.js';
import { clearRoute, followRoute } from './route.js';
import { addAnswer, addNote, addPrompt, clearTranscript } from './transcript.js';

/** @typedef {import('./generate.js').Message} Message */

const composer = element('composer', HTMLFormElement);
const prompt = element('prompt', HTMLTextAreaElement);
const temperature = element('temperature', HTMLInputElement);
const maxTokens = element('max-tokens', HTMLInputElement);
const send = element('send', HTMLButtonElement);
const stop = element('stop', HTMLButtonElement);
const progress = element('progress', HTMLElement);
const [chatMode, completionMode] = [...element('mode', HTMLFieldSetElement).querySelectorAll('input')];

/** @type {Message[]} */
let messages = [];
/** @type {AbortController | undefined} */
let running;

async function run() {
  const text = prompt.value;
  const abort = new AbortController();
  running = abort;
  send.hidden = true;
  stop.hidden = false;
  clearRoute();
  say(progress, 'Waiting for the first token');
  try {
    if (chatMode?.checked) await ask(text, abort.signal);
    else await goOn(text, abort.signal);
  } catch (error) {
    if (abort.signal.aborted) say(progress, 'Stopped');
    else failed(error);
  } finally {
    running = undefined;
    send.hidden = false;
    stop.hidden = true;
  }
}

/**
 * Where the model turns out to have no chat template, the text is completed instead, now and from then on.
 * @param {string} text
 * @param {AbortSignal} signal
 */
async function ask(text, signal) {
  const asked = [...messages, { role: /** @type {const} */ ('user'), content: text }];
  const shown = () => {
    addPrompt(text);
    prompt.value = '';
  };
  try {
    const content = await show(chat(asked, settings(), signal), { onFirst: shown, onLeft: keep });
    keep(content);
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== 'chat_template_missing') throw error;
    if (chatMode) chatMode.disabled = true;
    if (completionMode) completionMode.checked = true;
    addNote('This model has no chat template: prompts are completed as they stand.');
    await goOn(text, signal);
  }

  /** @param {string} content */
  function keep(content) {
    messages = [...asked, { role: 'assistant', content }];
  }
}

/**
 * @param {string} text
 * @param {AbortSignal} signal
 */
async function goOn(text, signal) {
  await show(complete(text, settings(), signal), { given: text });
}

/**
 * @param {ReturnType<typeof chat>} parts
 * @param {{ given?: string, onFirst?: () => void, onLeft?: (text: string) => void }} options
 *   onFirst: called before the first part is shown; onLeft: called with the text so far where the stream breaks off
 * @returns {Promise<string>} the answer
 */
async function show(parts, { given = '', onFirst, onLeft }) {
  const startedAt = performance.now();
  /** @type {ReturnType<typeof addAnswer> | undefined} */
  let growing;
  let firstAt = 0;
  let whole = '';
  let reason = '';
  try {
    for await (const part of parts) {
      if (part.type === 'finish') reason = part.reason;
      if (growing === undefined) {
        onFirst?.();
        growing = addAnswer(given);
        firstAt = performance.now();
      }
      if (part.type === 'finish') continue;
      whole += part.text;
      growing.append(part.text, part.routes);
      followRoute(growing.answer);
      say(progress, 'Generating');
    }
  } catch (error) {
    if (growing !== undefined) onLeft?.(whole);
    throw error;
  }
  const tokens = growing?.answer.tokens.length ?? 0;
  const seconds = (performance.now() - firstAt) / 1000;
  const rate = tokens > 1 ? `, ${figure((tokens - 1) / seconds)} a second` : '';
  const first = durationText((firstAt - startedAt) / 1000);
  const why = reason === 'length' ? ', cut at max tokens' : '';
  say(progress, `${tokens} tokens${rate}, the first after ${first}${why}`);
  return whole;
}

function settings() {
  return {
    model: chosenModel(),
    temperature: temperature.valueAsNumber,
    maxTokens: maxTokens.valueAsNumber,
  };
}

/** @param {unknown} error */
function failed(error) {
  say(progress, '');
  addNote(error instanceof Error ? error.message : String(error), true);
}

composer.addEventListener('submit', (event) => {
  event.preventDefault();
  if (running === undefined) void run();
});
prompt.addEventListener('keydown', (event) => {
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  composer.requestSubmit();
});
stop.addEventListener('click', () => {
  running?.abort();
  prompt.focus();
});
element('clear', HTMLButtonElement).addEventListener('click', () => {
  running?.abort();
  messages = [];
  clearTranscript();
  clearRoute();
  say(progress, '');
  prompt.focus();
});
