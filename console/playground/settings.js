// The settings of the playground: the values of fields of the page, which are stored in this browser.
import { element, say } from '../elements.js';
import { chosenModel } from '../models.js';
import { recall, remember } from '../storage.js';

/** @typedef {import('./generate.js').Settings} Settings */

const STORED = 'expertgrid.settings';
const system = element('system', HTMLTextAreaElement);
const temperature = element('temperature', HTMLInputElement);
const topP = element('top-p', HTMLInputElement);
const seed = element('seed', HTMLInputElement);
const maxTokens = element('max-tokens', HTMLInputElement);
const stops = element('stops', HTMLTextAreaElement);
const markdown = element('markdown', HTMLInputElement);
const summary = element('settings-summary', HTMLElement);
const texts = { system, temperature, topP, seed, maxTokens, stops };

/** @returns {Settings} */
export function settings() {
  return {
    model: chosenModel(),
    maxTokens: maxTokens.valueAsNumber,
    ...(temperature.value !== '' && { temperature: temperature.valueAsNumber }),
    ...(topP.value !== '' && { topP: topP.valueAsNumber }),
    ...(seed.value !== '' && { seed: seed.valueAsNumber }),
    stop: stops.value.split('\n').filter((line) => line !== ''),
  };
}

export function systemPrompt() {
  return system.value.trim() === '' ? undefined : system.value;
}

/** @param {string} text */
export function setSystemPrompt(text) {
  system.value = text;
  changed();
}

export function wantsMarkdown() {
  return markdown.checked;
}

function changed() {
  const parts = [
    temperature.value === '' ? '' : `temperature ${temperature.value}`,
    topP.value === '' ? '' : `top p ${topP.value}`,
    `${maxTokens.value} tokens`,
    seed.value === '' ? '' : `seed ${seed.value}`,
    system.value.trim() === '' ? '' : 'system prompt',
  ];
  say(summary, parts.filter((part) => part !== '').join(', '));
  const values = Object.fromEntries(Object.entries(texts).map(([name, { value }]) => [name, value]));
  remember(STORED, { ...values, markdown: markdown.checked });
}

function restore() {
  const stored = recall(STORED);
  if (typeof stored !== 'object' || stored === null) return;
  const values = /** @type {Record<string, unknown>} */ (stored);
  for (const [name, field] of Object.entries(texts)) {
    if (typeof values[name] === 'string') field.value = values[name];
  }
  if (typeof values.markdown === 'boolean') markdown.checked = values.markdown;
}

restore();
changed();
for (const field of [...Object.values(texts), markdown]) field.addEventListener('input', changed);
// An invalid field cannot show its message while the settings are closed.
const open = () => {
  element('settings', HTMLDetailsElement).open = true;
};
element('composer', HTMLFormElement).addEventListener('invalid', open, true);
