// Turns a conversation into the token ids of a prompt. The name of a special token becomes that token if the template writes it, and
// stays text if it is in the client's text.
import { errorText } from '../../../base/error-text.ts';
import { Guard } from './guard.ts';
import { type SpecialNames, specialNames } from './special-names.ts';
import type { ChatTemplate, Conversation } from './template.ts';
import type { AddedToken, Tokenizer } from './tokenizer.ts';

interface WrittenChat {
  /** The special tokens that the template writes, and the plain text between them. */
  pieces: (string | AddedToken)[];
  /** The whole prompt as text. */
  text: string;
}

/**
 * Puts a mark into each name of a special token that the client's text contains, renders the conversation, and removes the marks.
 * Text without such names is rendered unchanged. The template gets the text itself and no placeholder, so it may trim, compare or split
 * the text. A template that writes JSON in ASCII writes each mark as an escape, which is not removed; the name then stays text.
 */
export function writeChat(
  conversation: Conversation,
  { template, tokenizer }: { template: ChatTemplate; tokenizer: Tokenizer },
): WrittenChat {
  const names = specialNames(tokenizer);
  const guard = new Guard([conversation, template.source], names);
  const rendered = ended(template.render(guarded(conversation, guard)), conversation, guard);
  return { pieces: split(rendered, names, guard.mark), text: rendered.replaceAll(guard.mark, '') };
}

export function chatIds({ pieces }: WrittenChat, tokenizer: Tokenizer): number[] {
  const ids: number[] = [];
  for (const piece of pieces) {
    if (typeof piece !== 'string') {
      ids.push(piece.id);
      continue;
    }
    // `push(...ids)` would fail for a hundred thousand ids, because they would be the arguments of one call.
    for (const id of tokenizer.encodePlain(piece, { first: ids.length === 0 })) ids.push(id);
  }
  return ids;
}

/** The prompt of a conversation, or the reason why there is none. */
export type ChatPrompt =
  | { type: 'prompt'; ids: Int32Array; text: string }
  | { type: 'too_long'; bytes: number }
  /** The template raised an error. */
  | { type: 'refused'; why: string };

/** If the rendered text has more than `most` bytes, it is not tokenized. Throws only if the tokenizer fails. */
export function chatPrompt(
  conversation: Conversation,
  { template, tokenizer, most }: { template: ChatTemplate; tokenizer: Tokenizer; most: number },
): ChatPrompt {
  let chat: WrittenChat;
  try {
    chat = writeChat(conversation, { template, tokenizer });
  } catch (error) {
    return { type: 'refused', why: errorText(error) };
  }
  const bytes = Buffer.byteLength(chat.text);
  if (bytes > most) return { type: 'too_long', bytes };
  return { type: 'prompt', ids: Int32Array.from(chatIds(chat, tokenizer)), text: chat.text };
}

/** Puts marks into all text except roles and types, which are not free text and which templates compare. */
function guarded(conversation: Conversation, guard: Guard): Conversation {
  const { messages, tools = [], documents = [], variables = {}, ending = 'turn', time } = conversation;
  const final = ending === 'final message' ? messages.at(-1) : undefined;
  const typed = <Item extends { type: 'function'; function: object }>(item: Item): Item => {
    return { ...guard.value(item), type: item.type };
  };
  return {
    ending,
    time,
    messages: messages.map((sent) => {
      const { role, tool_calls, ...message } = sent;
      const written = guard.value(message);
      return {
        role,
        ...written,
        ...(sent === final && { content: (written.content ?? '') + guard.seam }),
        ...(tool_calls !== undefined && { tool_calls: tool_calls.map(typed) }),
      };
    }),
    tools: tools.map(typed),
    documents: guard.value(documents),
    variables: Object.fromEntries(
      Object.entries(variables).map(([name, value]) => [name, guard.value(value)]),
    ),
  };
}

/** If the answer continues the final message, cuts the text at the end of that message. Throws if the text lacks that end. */
function ended(rendered: string, { ending }: Conversation, { seam }: Guard): string {
  if (ending !== 'final message') return rendered;
  const at = rendered.lastIndexOf(seam);
  if (at < 0) throw new Error('it does not show the final message, which the answer should continue');
  return rendered.slice(0, at).replaceAll(seam, '');
}

/** Splits the rendered text into special tokens and plain text. Removes the marks, and the white space that a token strips. */
function split(rendered: string, names: SpecialNames, mark: string): (string | AddedToken)[] {
  const pieces: (string | AddedToken)[] = [];
  let stripNext = false;
  const plain = (text: string, stripEnd: boolean) => {
    let kept = text.replaceAll(mark, '');
    if (stripNext) kept = kept.trimStart();
    if (stripEnd) kept = kept.trimEnd();
    if (kept.length > 0) pieces.push(kept);
  };
  let from = 0;
  for (const { token, at } of names.occurrences(rendered)) {
    plain(rendered.slice(from, at), token.lstrip);
    pieces.push(token);
    stripNext = token.rstrip;
    from = at + token.content.length;
  }
  plain(rendered.slice(from), false);
  return pieces;
}
