// The list that chooses the model of the page, and facts about the chosen model.
import { element, make, say } from './elements.js';
import { count, short } from './format.js';

/**
 * @typedef {object} Facts
 * @property {Record<string, number>} [versions] models of an alias, each with its weight
 * @property {number} [layers]
 * @property {number} [experts]
 * @property {number[]} [experts_per_token]
 * @property {number} [bits]
 * @property {number} [parameters]
 * @property {number} [active_parameters]
 *
 * @typedef {{ id: string, max_model_len?: number, expertgrid?: Facts }} Model
 */

/** Two lists of models that always show the same choice: one at the top of the page, one beside the prompt. */
const selects = ['model-select', 'ask-model'].map((id) => element(id, HTMLSelectElement));
const name = element('model', HTMLElement);
const facts = element('facts', HTMLElement);

/** @type {readonly Model[]} */
let models = [];

/** @param {readonly Model[]} known */
export function showModels(known) {
  models = known;
  for (const select of selects) select.replaceChildren(...known.map(({ id }) => make('option', {}, id)));
  for (const id of ['model-choice', 'ask-choice']) element(id, HTMLElement).hidden = known.length < 2;
  showChosen();
}

export function knowsModels() {
  return models.length > 0;
}

/** Name of the model, or alias of several models, that prompts are sent to. */
export function chosenModel() {
  return selects[0]?.value ?? '';
}

/** @returns {string | undefined} the id of the model whose heat and shards are shown; undefined while none is known */
export function watchedModel() {
  return watched()?.id;
}

/** The chosen model, or the first version of the chosen alias. */
function watched() {
  const chosen = models.find(({ id }) => id === chosenModel());
  const [version] = Object.keys(chosen?.expertgrid?.versions ?? {});
  return version === undefined ? chosen : models.find(({ id }) => id === version);
}

function showChosen() {
  say(name, models.length === 1 ? chosenModel() : '');
  const model = watched();
  say(facts, model === undefined ? '' : factsOf(model));
}

/** @param {Model} model */
function factsOf({ max_model_len: context, expertgrid = {} }) {
  const { parameters, active_parameters: active, layers, experts, bits } = expertgrid;
  const { experts_per_token: each = [] } = expertgrid;
  const [least, most] = [Math.min(...each), Math.max(...each)];
  const ofToken = least === most ? `${most}` : `${least} to ${most}`;
  const parts = [];
  if (parameters !== undefined)
    parts.push(`${short(parameters)} parameters${active === undefined ? '' : `, ${short(active)} active`}`);
  if (layers !== undefined) parts.push(`${layers} layers`);
  if (experts !== undefined) parts.push(`${experts} experts, ${ofToken} a token`);
  if (bits !== undefined) parts.push(`${bits} bits`);
  if (context !== undefined) parts.push(`context ${count(context)}`);
  return parts.join(' · ');
}

/** @param {() => void} listener called when another model is chosen */
export function onModel(listener) {
  for (const select of selects) {
    select.addEventListener('change', () => {
      for (const other of selects) other.value = select.value;
      showChosen();
      listener();
    });
  }
}
