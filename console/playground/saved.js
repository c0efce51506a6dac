// The dialog of saved conversations: opens, deletes and exports them.
import { element, make, say } from '../elements.js';
import { recall, remember } from '../storage.js';
import { conversationsOf, withConversation, withoutConversation } from './conversations.js';

/** @typedef {import('./conversations.js').Conversation} Conversation */

const STORED = 'expertgrid.conversations';
const dialog = element('saved-dialog', HTMLDialogElement);
const list = element('saved-list', HTMLElement);
const note = element('saved-note', HTMLElement);

/** @type {(conversation: Conversation) => void} */
let open = () => {};

/** The saved conversations. They are read each time, because another tab may have changed them. */
const stored = () => conversationsOf(recall(STORED));

/** @param {Conversation} conversation */
export function saveConversation(conversation) {
  remember(STORED, withConversation(stored(), conversation));
}

/** @param {(conversation: Conversation) => void} listener */
export function onOpen(listener) {
  open = listener;
}

function show() {
  const all = stored();
  const none = 'None yet. Each chat is saved automatically, in this browser only.';
  say(note, all.length === 0 ? none : 'Kept in this browser only.');
  list.replaceChildren(...all.map(item));
  for (const id of ['saved-export', 'saved-clear'])
    element(id, HTMLButtonElement).disabled = all.length === 0;
}

/** @param {Conversation} conversation */
function item(conversation) {
  const { id, title, at, messages } = conversation;
  const turns = messages.filter(({ role }) => role === 'user').length;
  const when = new Date(at).toLocaleString('en', { dateStyle: 'medium', timeStyle: 'short' });
  const about = make('small', {}, `${when}, ${turns} ${turns === 1 ? 'prompt' : 'prompts'}`);
  const name = make('button', { type: 'button', class: 'plain saved-open' }, make('span', {}, title), about);
  name.addEventListener('click', () => {
    dialog.close();
    open(conversation);
  });
  const named = { type: 'button', class: 'plain', 'aria-label': `Delete “${title}”` };
  const drop = make('button', named, 'Delete');
  drop.addEventListener('click', () => {
    remember(STORED, withoutConversation(stored(), id));
    show();
    (list.querySelector('button') ?? element('saved-close', HTMLButtonElement)).focus();
  });
  return make('li', {}, name, drop);
}

function exportAll() {
  const file = new Blob([JSON.stringify(stored(), null, 2)], { type: 'application/json' });
  const link = make('a', { href: URL.createObjectURL(file), download: 'expertgrid-conversations.json' });
  link.click();
  // The address is revoked later, because the browser must have begun to read the file.
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

element('saved', HTMLButtonElement).addEventListener('click', () => {
  show();
  dialog.showModal();
});
element('saved-close', HTMLButtonElement).addEventListener('click', () => dialog.close());
element('saved-export', HTMLButtonElement).addEventListener('click', exportAll);
element('saved-clear', HTMLButtonElement).addEventListener('click', () => {
  remember(STORED, []);
  show();
  element('saved-close', HTMLButtonElement).focus();
});
