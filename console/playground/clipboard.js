// Puts a text on the clipboard, on pages without TLS too, to which browsers do not give `navigator.clipboard`.
import { make } from '../elements.js';

/**
 * @param {string} text
 * @returns {Promise<boolean>} whether it is there
 */
export async function copyText(text) {
  if (navigator.clipboard !== undefined) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      // Refused to a page that has not the focus, or by a setting.
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
