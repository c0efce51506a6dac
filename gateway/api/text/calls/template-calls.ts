// How the model of a chat template writes tool calls, and which special tokens it uses for them.
import type { CallSyntax } from '../../../constraints/specification.ts';
import type { ChatTemplate } from '../template.ts';
import type { AddedToken, Tokenizer } from '../tokenizer.ts';
import { callSyntaxOf, textsOf } from './syntaxes.ts';

export interface TemplateCalls {
  syntax: CallSyntax;
  /** Ids of the special tokens in the texts of the syntax, by their names. null: the token ends an answer. */
  specials: Readonly<Record<string, number | null>>;
  /** Ids of these tokens. Their names must be part of the text that is parsed. */
  shown: readonly number[];
}

interface Vocabulary {
  tokenizer: Pick<Tokenizer, 'added'>;
  /** Ids that end an answer of the model. */
  stopIds: readonly number[];
}

const known = new WeakMap<ChatTemplate, { calls: TemplateCalls | undefined }>();

/** Undefined if the template shows no known syntax. Kept for each template, because a tokenizer may have a thousand special tokens. */
export function templateCalls(template: ChatTemplate, vocabulary: Vocabulary): TemplateCalls | undefined {
  const kept = known.get(template) ?? { calls: found(template, vocabulary) };
  known.set(template, kept);
  return kept.calls;
}

function found({ source }: ChatTemplate, { tokenizer, stopIds }: Vocabulary): TemplateCalls | undefined {
  const special = tokenizer.added.filter((token) => token.special);
  const syntax = callSyntaxOf({ source, specials: special.map(({ content }) => content) });
  if (syntax === undefined) return undefined;
  const tokens = namedIn(textsOf(syntax), special);
  const specials = tokens.map(({ content, id }) => [content, stopIds.includes(id) ? null : id] as const);
  return { syntax, specials: Object.fromEntries(specials), shown: tokens.map(({ id }) => id) };
}

/** The tokens whose names occur in one of the texts. */
function namedIn(texts: readonly string[], tokens: readonly AddedToken[]): readonly AddedToken[] {
  return tokens.filter(({ content }) => content !== '' && texts.some((text) => text.includes(content)));
}
