// The saved conversations as a list of bounded size, newest first.

/**
 * @typedef {import('./generate.js').Message} Message
 * @typedef {object} Conversation
 * @property {string} id
 * @property {string} title
 * @property {number} at time of the last change, in milliseconds since the epoch
 * @property {string} model
 * @property {Message[]} messages including the system prompt
 */

export const MOST_CONVERSATIONS = 100;
/** Browsers let a page store about 5 million characters. */
export const MOST_CHARACTERS = 2_000_000;
const LONGEST_TITLE = 60;

/**
 * The list with this conversation first. The oldest conversations are dropped if the list becomes too long.
 * @type {(list: readonly Conversation[], conversation: Conversation) => Conversation[]}
 */
export function withConversation(list, conversation) {
  const rest = list.filter(({ id }) => id !== conversation.id);
  let characters = 0;
  return [conversation, ...rest].slice(0, MOST_CONVERSATIONS).filter((each, i) => {
    characters += JSON.stringify(each).length;
    return i === 0 || characters <= MOST_CHARACTERS;
  });
}

/** @type {(list: readonly Conversation[], id: string) => Conversation[]} */
export function withoutConversation(list, id) {
  return list.filter((each) => each.id !== id);
}

/**
 * The first words of the first prompt.
 * @param {readonly Message[]} messages
 */
export function titleOf(messages) {
  const text =
    messages
      .find(({ role }) => role === 'user')
      ?.content.replaceAll(/\s+/g, ' ')
      .trim() ?? '';
  return text.length <= LONGEST_TITLE ? text : `${text.slice(0, LONGEST_TITLE - 1).trimEnd()}…`;
}

/**
 * The valid conversations in a stored value, which may be of another release or may have been edited.
 * @type {(value: unknown) => Conversation[]}
 */
export function conversationsOf(value) {
  if (!Array.isArray(value)) return [];
  return value.filter((each) => {
    if (typeof each !== 'object' || each === null) return false;
    const { id, title, at, model, messages } = each;
    const texts = [id, title, model].every((text) => typeof text === 'string');
    return texts && Number.isFinite(at) && Array.isArray(messages) && messages.every(isMessage);
  });
}

/** @param {unknown} value */
function isMessage(value) {
  if (typeof value !== 'object' || value === null || !('role' in value) || !('content' in value))
    return false;
  const { role, content } = value;
  return typeof content === 'string' && ['system', 'user', 'assistant'].includes(String(role));
}
