// The header and the banner: how the gateway is, and which experts nobody serves. Knows no requests.
import { element, make, say } from './elements.js';

/**
 * @typedef {'good' | 'warn' | 'bad' | 'quiet'} Tone
 * @typedef {{ status: string, missing: { model?: string, layer: number, experts: string }[], reason?: string }} Readiness
 */

const pill = element('state', HTMLElement);
const age = element('age', HTMLElement);
const banner = element('missing', HTMLElement);
const SHOWN_LAYERS = 6;

/** @param {Readiness} readiness */
export function showReadiness({ status, missing, reason }) {
  if (status === 'ready') showState('Ready', 'good');
  else if (missing.length > 0) showState('Experts missing', 'bad');
  else showState(status === 'unknown' ? 'Engine silent' : 'Not ready', 'warn');
  banner.hidden = status === 'ready';
  if (banner.hidden) return;
  const layers = `${missing.length} ${missing.length === 1 ? 'layer has' : 'layers have'} experts that nobody serves`;
  const text = missing.length > 0 ? layers : (reason ?? 'The gateway takes no requests now.');
  const items = missing.slice(0, SHOWN_LAYERS).map(({ model, layer, experts }) => {
    return make('li', {}, `${model === undefined ? '' : `${model}, `}layer ${layer}: ${experts}`);
  });
  const more = missing.length - items.length;
  if (more > 0) items.push(make('li', {}, `and ${more} more layers`));
  banner.replaceChildren(make('strong', {}, text), make('ul', {}, ...items));
}

/**
 * @param {string} text
 * @param {Tone} tone
 */
export function showState(text, tone) {
  say(pill, text);
  pill.dataset.tone = tone;
}

/** @param {string} text */
export function showAge(text) {
  say(age, text);
}
