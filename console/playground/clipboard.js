// Copies a text to the clipboard. On pages without TLS, browsers do not provide `navigator.clipboard`.
import { make } from '../elements.js';

/**
 * @param {string} text
 * @returns {Promise<boolean>} whether the text was copied
 */
export async function copyText(text) {
  if (navigator.clipboard !== undefined) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      // The page does not have the focus, or a setting forbids it.
    }
  }
  const focused = document.activeElement;
  const field = make('textarea', { class: 'unseen', 'aria-hidden': 'true' }, text);
  document.body.append(field);
  field.select();
  const done = document.execCommand('copy');
  field.remove();
  if (focused instanceof HTMLElement) focused.focus();
  return done;
}
