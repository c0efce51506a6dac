// Plans a chat with `truncation: "auto"`: cuts the beginning of the conversation so that the rest fits the model's context.
//
// Worked example: the messages system, user, assistant, user, assistant, user do not fit. Then the system message is tried with
// only the last message, and if that fits, with the last three messages.

import type { RequestContext } from '../context.ts';
import { type ChatPlan, planChat } from '../endpoints/chat.ts';
import { ApiError } from '../errors.ts';
import { type ChatFields, parseTranslated } from '../requests/translated-chat.ts';

type Messages = ChatFields['messages'];

/** Throws the errors of `planChat`. If not even the last turn fits, the error is the one about the whole conversation. */
export async function planTruncated(chat: ChatFields, context: RequestContext): Promise<ChatPlan> {
  const plan = async (messages: Messages) => planChat(parseTranslated({ ...chat, messages }), context);
  try {
    return await plan(chat.messages);
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== 'context_length_exceeded') throw error;
    const fitted = await longestThatFits(cuts(chat.messages), (messages) =>
      plan(messages).catch(unlessRefused),
    );
    if (fitted === undefined) throw error;
    return fitted;
  }
}

/** The shortened conversations, shortest first: the leading system messages, and all messages from one of the user messages on. */
function cuts(messages: Messages): Messages[] {
  const first = messages.findIndex(({ role }) => role !== 'system' && role !== 'developer');
  const head = messages.slice(0, Math.max(first, 0));
  const starts = messages.flatMap(({ role }, i) => (role === 'user' && i > first ? [i] : []));
  return starts.reverse().map((start) => [...head, ...messages.slice(start)]);
}

/**
 * Calls `make` for items of `all` and returns the result of the last item for which `make` has a result. Each item contains the
 * item before it. The search starts with the shortest item and doubles its steps, so that it spends no time on texts
 * that are far too long.
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

/** Any ApiError counts as not fitting: a shortened conversation may also be refused because it lacks the call of a result. */
function unlessRefused(error: unknown): undefined {
  if (!(error instanceof ApiError)) throw error;
}
