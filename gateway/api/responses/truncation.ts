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
  const { messages } = chat;
  const plan = async (kept: Messages) => planChat(parseTranslated({ ...chat, messages: kept }), context);
  try {
    return await plan(messages);
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== 'context_length_exceeded') throw error;
    const { head, starts } = cutsOf(messages);
    const fitted = await longestThatFits(starts, (start) => {
      const kept = [...messages.slice(0, head), ...messages.slice(start)];
      return context.slices.turn(context.tenant, () => plan(kept).catch(unlessRefused));
    });
    if (fitted === undefined) throw error;
    return fitted;
  }
}

/**
 * How the conversation can be shortened. `head` is the number of leading system messages, which always stay. `starts` are the
 * indices of the user messages from which the rest may begin, the shortest rest first.
 */
function cutsOf(messages: Messages): { head: number; starts: number[] } {
  const first = messages.findIndex(({ role }) => role !== 'system' && role !== 'developer');
  const starts = messages.flatMap(({ role }, i) => (role === 'user' && i > first ? [i] : []));
  return { head: Math.max(first, 0), starts: starts.reverse() };
}

/**
 * Calls `make` for some of `starts`, which are sorted from the shortest conversation to the longest, and returns the result for the
 * longest one that has a result. The search starts with the shortest one and doubles its steps, so that it spends no time on
 * texts that are far too long.
 */
async function longestThatFits<Made>(
  starts: readonly number[],
  make: (start: number) => Promise<Made | undefined>,
): Promise<Made | undefined> {
  let made: Made | undefined;
  let fits = -1;
  let tooLong = starts.length;
  for (let reach = 1; fits + 1 < tooLong; ) {
    const next = Math.min(fits + reach, Math.floor((fits + tooLong) / 2), tooLong - 1);
    const at = Math.max(next, fits + 1);
    const start = starts[at];
    const found = start === undefined ? undefined : await make(start);
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
