// The conversation on the page: its turns, and the tokens of each answer, which a user can point at and click.
import { element, make } from '../elements.js';
import { MarkdownView } from '../markdown/view.js';
import { Pieces } from './pieces.js';

/** @typedef {{ pieces: Pieces, root: HTMLElement }} Answer */

const root = element('transcript', HTMLElement);
const empty = root.querySelector('.empty');
// Not every browser makes scrollable elements focusable.
root.tabIndex = 0;

/** @type {WeakMap<Element, Answer>} */
const answers = new WeakMap();
/** @type {Element[]} */
let marked = [];
/** Whether the reader has scrolled up. */
let reading = false;

/** @param {string} text */
export function addPrompt(text) {
  add(make('p', { class: 'turn prompt' }, make('span', { class: 'unseen' }, 'You: '), text));
}

/** @type {(text: string, wrong?: boolean) => void} */
export function addNote(text, wrong = false) {
  add(make('p', { class: wrong ? 'turn wrong' : 'turn aside', ...(wrong && { role: 'alert' }) }, text));
}

/**
 * Adds a growing answer.
 * @param {{ given?: string, markdown?: boolean }} [options] given: text that the answer continues; markdown: draw it as Markdown
 */
export function addAnswer({ given = '', markdown = false } = {}) {
  const body = make('div', { class: markdown ? 'answer-text markdown' : 'answer-text plain' });
  if (given !== '') body.append(make('span', { class: 'given' }, given));
  const foot = make('div', { class: 'answer-foot' });
  const kind = given === '' ? 'turn answer' : 'turn answer continued';
  const turn = make('article', { class: kind, 'aria-label': 'Answer' }, body, foot);
  const pieces = new Pieces();
  /** @type {Answer} */
  const answer = { pieces, root: turn };
  answers.set(turn, answer);
  const view = new MarkdownView(body, write);
  let waiting = false;
  add(turn);

  /** @type {(parent: Element, text: string, at: number) => void} */
  function write(parent, text, at) {
    if (pieces.tokens.length === 0) return parent.append(text);
    for (const { index, from, to } of pieces.within(at, at + text.length)) {
      const span = make('span', { class: 'token', 'data-piece': `${index}` }, text.slice(from - at, to - at));
      parent.append(span);
    }
  }

  function draw() {
    waiting = false;
    view.draw(pieces.text);
    remark();
    keepUp();
  }

  return {
    answer,
    foot,
    remove: () => turn.remove(),
    /**
     * @param {string} text
     * @param {readonly number[][][]} routes of its tokens
     */
    append(text, routes) {
      const from = pieces.text.length;
      pieces.add(text, routes);
      if (!markdown) {
        write(body, text, from);
        keepUp();
      } else if (!waiting) {
        // Tokens that arrive between two frames of the screen are drawn together.
        waiting = true;
        requestAnimationFrame(draw);
      }
    },
  };
}

export function clearTranscript() {
  root.replaceChildren(...(empty === null ? [] : [empty]));
}

/** @type {{ answer: Answer, place: number } | undefined} */
let wanted;

/**
 * @param {Answer} answer
 * @param {number} place of a token
 */
export function markToken(answer, place) {
  wanted = { answer, place };
  remark();
}

/** Marks the token again, because drawing makes new elements. */
function remark() {
  for (const span of marked) span.classList.remove('marked');
  marked = [];
  const piece = wanted?.answer.pieces.pieceOf(wanted.place);
  if (wanted === undefined || piece === undefined) return;
  marked = [...wanted.answer.root.querySelectorAll(`[data-piece="${piece}"]`)];
  for (const span of marked) span.classList.add('marked');
}

/**
 * @param {{ onPoint: (answer: Answer, place: number) => void, onLeave: () => void, onPick: (answer: Answer, place: number) => void }} events
 */
export function onTokens({ onPoint, onLeave, onPick }) {
  root.addEventListener('pointerover', (event) => {
    const at = tokenAt(event);
    if (at !== undefined) onPoint(at.answer, at.place);
  });
  root.addEventListener('pointerleave', onLeave);
  root.addEventListener('click', (event) => {
    const at = tokenAt(event);
    if (at !== undefined) onPick(at.answer, at.place);
  });
}

/** @param {Event} event */
function tokenAt({ target }) {
  if (!(target instanceof HTMLElement) || target.dataset.piece === undefined) return undefined;
  const turn = target.closest('.turn');
  const answer = turn === null ? undefined : answers.get(turn);
  const place = answer?.pieces.tokenOf(Number(target.dataset.piece));
  return answer === undefined || place === undefined ? undefined : { answer, place };
}

/** @param {Element} turn */
function add(turn) {
  empty?.remove();
  root.append(turn);
  reading = false;
  keepUp();
}

/** Scrolls to the end, unless the reader has scrolled up. */
function keepUp() {
  if (!reading) root.scrollTop = root.scrollHeight;
}

root.addEventListener('scroll', () => {
  reading = root.scrollHeight - root.scrollTop - root.clientHeight > 40;
});
new ResizeObserver(keepUp).observe(root);
