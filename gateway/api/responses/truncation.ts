// Plans a chat with `truncation: "auto"`: cuts the beginning of the conversation until it fits the model's context.
//
// Worked example: if system, user, assistant, user, assistant, user do not fit, the system message and the last three are tried.

import type { RequestContext } from '../context.ts';
import { type ChatPlan, planChat } from '../endpoints/chat.ts';
import { ApiError } from '../errors.ts';
import { type ChatFields, parseTranslated } from '../requests/translated-chat.ts';

type Messages = ChatFields['messages'];

/** Throws what `planChat` throws. If not even the last turn fits, that is the error for the whole conversation. */
export async function planTruncated(chat: ChatFields, context: RequestContext): Promise<ChatPlan> {
  const plan = (messages: Messages) => planChat(parseTranslated({ ...chat, messages }), context);
  try {
    return await plan(chat.messages);
  } catch (error) {
    if (!isTooLong(error)) throw error;
    const fitted = await longestThatFits(cuts(chat.messages), (messages) => planIfFits(plan, messages));
    if (fitted === undefined) throw error;
    return fitted;
  }
}

/** The conversation cut before each user turn but the first, shortest first. Leading instructions stay. */
function cuts(messages: Messages): Messages[] {
  const first = messages.findIndex(({ role }) => role !== 'system' && role !== 'developer');
  const head = messages.slice(0, Math.max(first, 0));
  const starts = messages.flatMap(({ role }, i) => (role === 'user' && i > first ? [i] : []));
  return starts.reverse().map((start) => [...head, ...messages.slice(start)]);
}

/**
 * Calls `make` for items of `all`, each of which contains the one before it, and returns the result for the last item that has
 * one. Starts with the shortest and doubles its steps, so that no time is spent on texts that are far too long.
 */
async function longestThatFits<Item, Made>(
  all: readonly Item[],
  make: (item: Item) => Promise<Made | undefined>,
): Promise<Made | undefined> {
  let made: Made | undefined;
  let fits = -1;
  let tooLong = all.length;
  for (let reach = 1; fits + 1 < tooLong; ) {
    const next = Math.min(fits + reach, Math.floor((fits + tooLong) / 2), tooLong - 1);
    const at = Math.max(next, fits + 1);
    const item = all[at];
    const found = item === undefined ? undefined : await make(item);
    if (found === undefined) tooLong = at;
    else {
      made = found;
      fits = at;
      reach *= 2;
    }
  }
  return made;
}

/** Undefined for any ApiError, because a cut may also separate the result of a call from the call. */
async function planIfFits(
  plan: (messages: Messages) => Promise<ChatPlan>,
  messages: Messages,
): Promise<ChatPlan | undefined> {
  try {
    return await plan(messages);
  } catch (error) {
    if (error instanceof ApiError) return undefined;
    throw error;
  }
}

function isTooLong(error: unknown): boolean {
  return error instanceof ApiError && error.code === 'context_length_exceeded';
}
