// Shows the route of one token: the token that the pointer is on, else the picked token, else the newest token.
import { element, make, say } from '../elements.js';
import { showRoute } from '../watch/heat.js';
import { markToken, onTokens } from './transcript.js';

/** @typedef {import('./transcript.js').Answer} Answer */

const panel = element('route', HTMLElement);
const slider = element('route-token', HTMLInputElement);
const text = element('route-text', HTMLElement);
const place = element('route-place', HTMLElement);
const layers = element('route-layers', HTMLOListElement);

/** @type {{ answer: Answer, place: number } | undefined} place: index of the token */
let picked;

/**
 * Shows the newest token of a growing answer.
 * @param {Answer} answer
 */
export function followRoute(answer) {
  const { length } = answer.pieces.tokens;
  if (length > 0) pick(answer, length - 1);
}

export function clearRoute() {
  picked = undefined;
  panel.hidden = true;
  showRoute(undefined);
}

/** @type {(answer: Answer, at: number) => void} */
function pick(answer, at) {
  picked = { answer, place: at };
  show(answer, at);
}

/** @type {(answer: Answer, at: number) => void} */
function show(answer, at) {
  const { tokens } = answer.pieces;
  const token = tokens[at];
  if (token === undefined) return;
  panel.hidden = false;
  slider.max = String(tokens.length);
  slider.value = String(at + 1);
  slider.setAttribute('aria-valuetext', `${token.text}, token ${at + 1} of ${tokens.length}`);
  say(text, visible(token.text));
  say(place, `token ${at + 1} of ${tokens.length}`);
  const items = token.route.map((experts, layer) => {
    const label = `layer ${layer}, ${experts.length === 1 ? 'expert' : 'experts'} ${experts.join(', ')}`;
    return make(
      'li',
      { 'aria-label': label },
      make('span', { class: 'layer' }, String(layer)),
      make('span', {}, experts.join(' ')),
    );
  });
  layers.replaceChildren(...items);
  markToken(answer, at);
  showRoute(token.route);
}

/**
 * The token in quotes, with visible signs in place of line breaks and tabs.
 * @param {string} token
 */
function visible(token) {
  return `“${token.replaceAll('\n', '↵').replaceAll('\t', '⇥')}”`;
}

slider.addEventListener('input', () => {
  if (picked !== undefined) pick(picked.answer, slider.valueAsNumber - 1);
});
onTokens({
  onPoint: show,
  onLeave: () => {
    if (picked !== undefined) show(picked.answer, picked.place);
  },
  onPick: pick,
});
