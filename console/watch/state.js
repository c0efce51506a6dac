// The header and the banner: the state of the gateway, and the experts that no shard serves.
import { element, make, say } from '../elements.js';
import { missingText } from './missing.js';

/**
 * @typedef {'good' | 'warn' | 'bad' | 'quiet'} Tone
 * @typedef {{ status: string, missing: import('./missing.js').Missing[], reason?: string }} Readiness
 */

const pill = element('state', HTMLElement);
const age = element('age', HTMLElement);
const banner = element('missing', HTMLElement);

/** @param {Readiness} readiness */
export function showReadiness({ status, missing, reason }) {
  if (status === 'ready') showState('Ready', 'good');
  else if (missing.length > 0) showState('Experts missing', 'bad');
  else showState(status === 'unknown' ? 'Engine silent' : 'Not ready', 'warn');
  banner.hidden = status === 'ready';
  if (banner.hidden) return;
  const { headline, items } = missingText(missing);
  const text = missing.length > 0 ? headline : (reason ?? 'The gateway accepts no requests now.');
  const list = missing.length > 0 ? [make('ul', {}, ...items.map((item) => make('li', {}, item)))] : [];
  banner.replaceChildren(make('strong', {}, text), ...list);
}

/** @type {(text: string, tone: Tone) => void} */
export function showState(text, tone) {
  say(pill, text);
  pill.dataset.tone = tone;
}

/** @param {string} text */
export function showAge(text) {
  say(age, text);
}
