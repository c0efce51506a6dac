// The API key: a dialog asks the user for the key, and the tab keeps it until the tab is closed.
import { element } from './elements.js';
import { keepInTab, keptInTab } from './storage.js';

const STORED = 'expertgrid.key';
const dialog = element('key-dialog', HTMLDialogElement);
const form = element('key-form', HTMLFormElement);
const input = element('key', HTMLInputElement);
const wrong = element('key-wrong', HTMLElement);
const button = element('key-button', HTMLButtonElement);

/** @type {Promise<boolean> | undefined} */
let asking;
let declined = false;

/** @returns {string | null} */
export function storedKey() {
  return keptInTab(STORED);
}

/**
 * Asks the user for a key. All waiting requests share one dialog. After the user declines, only the key button opens it again.
 * @returns {Promise<boolean>} whether there is a new key
 */
export function askKey() {
  button.hidden = false;
  if (declined) return Promise.resolve(false);
  asking ??= ask().finally(() => {
    asking = undefined;
  });
  return asking;
}

/** @returns {Promise<boolean>} */
async function ask() {
  wrong.hidden = storedKey() === null;
  form.reset();
  dialog.returnValue = '';
  dialog.showModal();
  await new Promise((closed) => dialog.addEventListener('close', closed, { once: true }));
  const key = input.value.trim();
  const given = dialog.returnValue === 'given' && key !== '';
  form.reset();
  declined = !given;
  if (given) keepInTab(STORED, key);
  return given;
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  dialog.close('given');
});
element('key-cancel', HTMLButtonElement).addEventListener('click', () => dialog.close());
button.hidden = storedKey() === null;
button.addEventListener('click', () => {
  declined = false;
  keepInTab(STORED, null);
  void askKey();
});
