// From chat messages to prompt ids: special tokens that the template writes become those tokens, and the same names in
// a caller's text stay text. Knows no HTTP.
import type { ChatTemplate, TemplateMessage } from './template.ts';
import { type AddedToken, type Tokenizer, wellFormed } from './tokenizer.ts';

/**
 * Put into callers' text wherever it could read as a special token, and taken out again once the template's own special
 * tokens were found. Two low surrogates: well-formed text cannot hold them (one alone is the second half of a
 * character), so no caller can write or cancel a break.
 */
const BREAK = '\udfff\udfff';

/**
 * Only special tokens are broken up and the text is tokenized in the pieces that special tokens leave, so every other
 * conversation gets exactly the ids that tokenizing the rendered text whole gives. A template may trim, compare or
 * split what it is given: it sees the caller's text itself, not a placeholder.
 */
export function encodeChat(
  messages: readonly TemplateMessage[],
  { template, tokenizer }: { template: ChatTemplate; tokenizer: Tokenizer },
): number[] {
  const specials = specialTokens(tokenizer);
  const guarded = messages.map(({ role, content }) => ({ role, content: guard(content, specials) }));
  const ids: number[] = [];
  for (const piece of split(template.render(guarded), specials)) {
    if (typeof piece === 'string') ids.push(...tokenizer.encodePlain(piece, { first: ids.length === 0 }));
    else ids.push(piece.id);
  }
  return ids;
}

/** Longest first, so that of two that begin alike the longer is taken. A name of one character cannot be broken up: it stays text. */
function specialTokens(tokenizer: Tokenizer): AddedToken[] {
  return tokenizer.added
    .filter((token) => token.special && token.content.length > 1)
    .sort((a, b) => b.content.length - a.content.length);
}

/** Breaks every special token's name in a caller's text, and any that its edges could complete with the text around it. */
function guard(content: string, specials: readonly AddedToken[]): string {
  const text = wellFormed(content);
  const breaks = new Set<number>();
  for (const { content: name } of specials) {
    for (let at = text.indexOf(name); at >= 0; at = text.indexOf(name, at + 1))
      breaks.add(at + firstLength(name));
  }
  const core = text.trim();
  const start = text.indexOf(core);
  for (const { content: name } of specials) {
    for (let cut = 1; cut < name.length && core.length > 0; cut++) {
      const tail = name.slice(cut);
      const head = name.slice(0, cut);
      if (core.startsWith(tail) || tail.startsWith(core)) breaks.add(start);
      if (core.endsWith(head) || head.endsWith(core)) breaks.add(start + core.length);
    }
  }
  return insert(
    text,
    [...breaks].sort((a, b) => a - b),
  );
}

/** Code units of the first character: a break inside a surrogate pair would tear it. */
function firstLength(name: string): number {
  return String.fromCodePoint(name.codePointAt(0) ?? 0).length;
}

function insert(text: string, places: readonly number[]): string {
  const pieces = places.map((place, i) => text.slice(places[i - 1] ?? 0, place));
  return [...pieces, text.slice(places.at(-1) ?? 0)].join(BREAK);
}

/** The rendered text as special tokens and the plain text between them, breaks taken out, white space given to the tokens that take it. */
function split(rendered: string, specials: readonly AddedToken[]): (string | AddedToken)[] {
  const pieces: (string | AddedToken)[] = [];
  let stripNext = false;
  const plain = (text: string, stripEnd: boolean) => {
    let kept = text.replaceAll(BREAK, '');
    if (stripNext) kept = kept.trimStart();
    if (stripEnd) kept = kept.trimEnd();
    if (kept.length > 0) pieces.push(kept);
  };
  let from = 0;
  for (const { token, at } of occurrences(rendered, specials)) {
    plain(rendered.slice(from, at), token.lstrip);
    pieces.push(token);
    stripNext = token.rstrip;
    from = at + token.content.length;
  }
  plain(rendered.slice(from), false);
  return pieces;
}

function* occurrences(
  text: string,
  specials: readonly AddedToken[],
): Generator<{ token: AddedToken; at: number }> {
  if (specials.length === 0) return;
  const byName = new Map(specials.map((token) => [token.content, token]));
  const names = specials.map((token) => token.content.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&'));
  for (const match of text.matchAll(new RegExp(names.join('|'), 'g'))) {
    const token = byName.get(match[0]);
    if (token !== undefined) yield { token, at: match.index };
  }
}
