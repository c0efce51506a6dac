// The playground: sends a prompt, shows its answer as it streams in, and stops it on request.
import { ApiError } from '../api.js';
import { element, make, say } from '../elements.js';
import { count, durationText, figure } from '../format.js';
import { chosenModel } from '../models.js';
import { copyText } from './clipboard.js';
import { titleOf } from './conversations.js';
import { chat, complete } from './generate.js';
import { clearRoute, followRoute } from './route.js';
import { onOpen, saveConversation } from './saved.js';
import { setSystemPrompt, settings, systemPrompt, wantsMarkdown } from './settings.js';
import { addAnswer, addNote, addPrompt, clearTranscript } from './transcript.js';

/**
 * @typedef {import('./generate.js').Message} Message
 * @typedef {import('./generate.js').Usage} Usage
 * @typedef {ReturnType<typeof addAnswer>} Shown
 */

const composer = element('composer', HTMLFormElement);
const prompt = element('prompt', HTMLTextAreaElement);
const send = element('send', HTMLButtonElement);
const stop = element('stop', HTMLButtonElement);
const progress = element('progress', HTMLElement);
const [chatMode, completionMode] = [...element('mode', HTMLFieldSetElement).querySelectorAll('input')];

/** @type {Message[]} prompts and answers of the chat, without its system prompt */
let messages = [];
let conversation = newId();
/** @type {AbortController | undefined} */
let running;
/** @type {HTMLButtonElement | undefined} the retry button of the newest answer */
let retry;

/** @param {(signal: AbortSignal) => Promise<void>} work */
async function run(work) {
  if (running !== undefined) return;
  const abort = new AbortController();
  running = abort;
  send.hidden = true;
  stop.hidden = false;
  if (retry !== undefined) retry.hidden = true;
  clearRoute();
  say(progress, 'Waiting for the first token');
  try {
    await work(abort.signal);
  } catch (error) {
    if (abort.signal.aborted) say(progress, 'Stopped');
    else failed(error);
  } finally {
    if (running === abort) running = undefined;
    send.hidden = false;
    stop.hidden = true;
    if (retry !== undefined) retry.hidden = false;
  }
}

/**
 * Sends the text as a message of the chat. If the model has no chat template, this and all later texts are completed instead.
 * @param {string} text
 * @param {AbortSignal} signal
 */
async function ask(text, signal) {
  const asked = [...messages, { role: /** @type {const} */ ('user'), content: text }];
  try {
    await answer(asked, signal, () => {
      addPrompt(text);
      prompt.value = '';
    });
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== 'chat_template_missing') throw error;
    if (chatMode) chatMode.disabled = true;
    if (completionMode) completionMode.checked = true;
    addNote('This model has no chat template, so prompts are completed as they are.');
    await goOn(text, signal);
  }
}

/**
 * Requests and shows the answer to a chat. `onFirst` is called before the first token is shown.
 * @type {(asked: readonly Message[], signal: AbortSignal, onFirst?: () => void) => Promise<void>}
 */
async function answer(asked, signal, onFirst) {
  const text = systemPrompt();
  /** @type {readonly Message[]} */
  const system = text === undefined ? [] : [{ role: 'system', content: text }];
  const id = conversation;
  const keep = (/** @type {string} */ content) => {
    // Another conversation may have been opened in the meantime.
    if (conversation !== id) return;
    messages = [...asked, { role: 'assistant', content }];
    const all = [...system, ...messages];
    saveConversation({ id, title: titleOf(messages), at: Date.now(), model: chosenModel(), messages: all });
  };
  const again = (/** @type {Shown} */ old) => run((next) => answer(asked, next, () => old.remove()));
  const parts = chat([...system, ...asked], settings(), signal);
  await show(parts, { markdown: wantsMarkdown(), onFirst, onText: keep, again });
}

/**
 * Requests and shows the completion of a text.
 * @type {(text: string, signal: AbortSignal, onFirst?: () => void) => Promise<void>}
 */
async function goOn(text, signal, onFirst) {
  const again = (/** @type {Shown} */ old) => run((next) => goOn(text, next, () => old.remove()));
  await show(complete(text, settings(), signal), { given: text, onFirst, again });
}

/**
 * @param {ReturnType<typeof chat>} parts
 * @param {{ given?: string, markdown?: boolean, onFirst?: (() => void) | undefined, onText?: (text: string) => void, again: (old: Shown) => Promise<void> }} options
 *   onFirst: called before the first part is shown; onText: called with the answer when it ends or breaks off
 */
async function show(parts, { given = '', markdown = false, onFirst, onText, again }) {
  const startedAt = performance.now();
  /** @type {Shown | undefined} */
  let growing;
  let firstAt = 0;
  let reason = '';
  /** @type {Usage | undefined} */
  let usage;
  try {
    for await (const part of parts) {
      if (part.type === 'usage') usage = part;
      if (part.type === 'finish') reason = part.reason;
      if (growing === undefined) {
        onFirst?.();
        growing = addAnswer({ given, markdown });
        firstAt = performance.now();
        retry?.remove();
        retry = offer(growing, given, again);
      }
      if (part.type !== 'text') continue;
      growing.append(part.text, part.routes);
      followRoute(growing.answer);
      say(progress, 'Generating');
    }
  } finally {
    if (growing !== undefined) {
      onText?.(growing.answer.pieces.text);
      const tokens = growing.answer.pieces.tokens.length;
      const seconds = (performance.now() - firstAt) / 1000;
      const first = (firstAt - startedAt) / 1000;
      growing.foot.prepend(make('p', { class: 'usage' }, summary(usage, { tokens, seconds, first, reason })));
    }
  }
  const tokens = usage?.generated ?? growing?.answer.pieces.tokens.length ?? 0;
  say(progress, `Finished: ${count(tokens)} tokens`);
}

/**
 * @param {Usage | undefined} usage
 * @param {{ tokens: number, seconds: number, first: number, reason: string }} seen
 */
function summary(usage, { tokens, seconds, first, reason }) {
  const generated = usage?.generated ?? tokens;
  const cached = usage !== undefined && usage.cached > 0 ? ` (${count(usage.cached)} cached)` : '';
  const parts = [
    usage === undefined ? '' : `${count(usage.prompt)} prompt tokens${cached}`,
    `${count(generated)} generated`,
    generated > 1 && seconds > 0 ? `${figure((generated - 1) / seconds)} a second` : '',
    `first after ${durationText(first)}`,
    usage?.seed === undefined ? '' : `seed ${usage.seed}`,
    reason === 'length' ? 'cut at max tokens' : '',
    reason === '' ? 'not finished' : '',
  ];
  return parts.filter((part) => part !== '').join(' · ');
}

/**
 * Adds the buttons below an answer and returns the retry button.
 * @type {(shown: Shown, given: string, again: (old: Shown) => Promise<void>) => HTMLButtonElement}
 */
function offer(shown, given, again) {
  const copy = make('button', { type: 'button', class: 'plain small' }, 'Copy');
  copy.addEventListener('click', async () => {
    const done = await copyText(given + shown.answer.pieces.text);
    copy.textContent = done ? 'Copied' : 'Not allowed';
    setTimeout(() => {
      copy.textContent = 'Copy';
    }, 2_000);
  });
  const button = make('button', { type: 'button', class: 'plain small retry' }, 'Retry');
  button.hidden = true;
  button.addEventListener('click', () => {
    void again(shown);
  });
  shown.foot.append(make('div', { class: 'answer-buttons' }, copy, button));
  return button;
}

/** @param {unknown} error */
function failed(error) {
  say(progress, '');
  addNote(error instanceof Error ? error.message : String(error), true);
}

/** Browsers do not provide `crypto.randomUUID` on pages without TLS. */
function newId() {
  return `${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`;
}

function startAnew() {
  running?.abort();
  running = undefined;
  messages = [];
  conversation = newId();
  retry = undefined;
  clearTranscript();
  clearRoute();
  say(progress, '');
}

onOpen((saved) => {
  startAnew();
  conversation = saved.id;
  const [first] = saved.messages;
  setSystemPrompt(first?.role === 'system' ? first.content : '');
  messages = saved.messages.filter(({ role }) => role !== 'system');
  if (chatMode && !chatMode.disabled) chatMode.checked = true;
  for (const { role, content } of messages) {
    if (role === 'user') addPrompt(content);
    else addAnswer({ markdown: wantsMarkdown() }).append(content, []);
  }
  prompt.focus();
});
composer.addEventListener('submit', (event) => {
  event.preventDefault();
  const text = prompt.value;
  void run((signal) => (chatMode?.checked ? ask(text, signal) : goOn(text, signal)));
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
element('new', HTMLButtonElement).addEventListener('click', () => {
  startAnew();
  prompt.focus();
});
