// The conversation on the page: turns, and in each answer its tokens, which can be pointed at. Knows no requests.
import { element, make } from './elements.js';

/**
 * @typedef {{ text: string, route: number[][] }} Token
 * @typedef {{ tokens: Token[], spans: HTMLElement[] }} Answer
 */

const root = element('transcript', HTMLElement);
const empty = root.querySelector('.empty');
// It scrolls, and not every browser lets the keyboard in for that alone.
root.tabIndex = 0;

/** @type {WeakMap<Element, { answer: Answer, place: number }>} */
const places = new WeakMap();
/** @type {Element | undefined} */
let marked;
/** Somebody has scrolled up. */
let reading = false;

/** @param {string} text */
export function addPrompt(text) {
  add(make('p', { class: 'turn prompt' }, text));
}

/**
 * @param {string} text
 * @param {boolean} [wrong]
 */
export function addNote(text, wrong = false) {
  add(make('p', { class: wrong ? 'turn wrong' : 'turn aside', ...(wrong && { role: 'alert' }) }, text));
}

/**
 * An answer that grows.
 * @param {string} [given] text that it goes on from
 */
export function addAnswer(given = '') {
  const paragraph = make('p', { class: given === '' ? 'turn answer' : 'turn answer continued' });
  if (given !== '') paragraph.append(make('span', { class: 'given' }, given));
  /** @type {Answer} */
  const answer = { tokens: [], spans: [] };
  add(paragraph);
  return {
    answer,
    /**
     * @param {string} text
     * @param {readonly number[][][]} routes of its tokens; a character may take several
     */
    append(text, routes) {
      const span = make('span', { class: 'token' }, text);
      paragraph.append(span);
      for (const route of routes) {
        answer.tokens.push({ text, route });
        answer.spans.push(span);
      }
      places.set(span, { answer, place: answer.tokens.length - 1 });
      keepUp();
    },
  };
}

export function clearTranscript() {
  root.replaceChildren(...(empty === null ? [] : [empty]));
}

/**
 * @param {Answer} answer
 * @param {number} place
 */
export function markToken({ spans }, place) {
  marked?.classList.remove('marked');
  marked = spans[place];
  marked?.classList.add('marked');
}

/**
 * @param {{ onPoint: (answer: Answer, place: number) => void, onLeave: () => void, onPick: (answer: Answer, place: number) => void }} events
 */
export function onTokens({ onPoint, onLeave, onPick }) {
  const found = (/** @type {Event} */ { target }) =>
    target instanceof Element ? places.get(target) : undefined;
  root.addEventListener('pointerover', (event) => {
    const at = found(event);
    if (at !== undefined && at.place >= 0) onPoint(at.answer, at.place);
  });
  root.addEventListener('pointerleave', onLeave);
  root.addEventListener('click', (event) => {
    const at = found(event);
    if (at !== undefined && at.place >= 0) onPick(at.answer, at.place);
  });
}

/** @param {Element} turn */
function add(turn) {
  empty?.remove();
  root.append(turn);
  reading = false;
  keepUp();
}

/** Shows the end, unless somebody reads further up. */
function keepUp() {
  if (!reading) root.scrollTop = root.scrollHeight;
}

root.addEventListener('scroll', () => {
  reading = root.scrollHeight - root.scrollTop - root.clientHeight > 40;
});
new ResizeObserver(keepUp).observe(root);
