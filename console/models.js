// Which models there are, and which of them the page is about. Knows no requests.
import { element, make, say } from './elements.js';

/** @typedef {{ id: string, expertgrid?: { versions?: Record<string, number> } }} Model an alias has versions */

const select = element('model-select', HTMLSelectElement);

/** @type {readonly Model[]} */
let models = [];

/** @param {readonly Model[]} known */
export function showModels(known) {
  models = known;
  select.replaceChildren(...known.map(({ id }) => make('option', {}, id)));
  element('model-choice', HTMLElement).hidden = known.length < 2;
  say(element('model', HTMLElement), known.length === 1 ? chosenModel() : '');
}

export function knowsModels() {
  return models.length > 0;
}

/** What prompts are sent to: a model, or an alias of several. */
export function chosenModel() {
  return select.value;
}

/** @returns {string | undefined} the id of the model whose heat and shards are shown; undefined while none is known */
export function watchedModel() {
  const chosen = models.find(({ id }) => id === chosenModel());
  return Object.keys(chosen?.expertgrid?.versions ?? {})[0] ?? chosen?.id;
}

/** @param {() => void} listener hears that another model was chosen */
export function onModel(listener) {
  select.addEventListener('change', listener);
}
