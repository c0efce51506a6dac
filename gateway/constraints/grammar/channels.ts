// The grammar of an answer that consists of messages on channels, as GPT-OSS writes them. Thinking is not part of the grammar.
import { difference, everyText } from '../language/dfa.ts';
import { patternTexts } from '../schema/texts.ts';
import type { Channels } from '../specification.ts';
import { choice, type Expression, impossible, language, optional, rule, sequence } from './expression.ts';
import type { Marks } from './marks.ts';

interface AnswerOptions {
  /** Calls alone. */
  calls: Expression;
  marks: Marks;
  /** Gets further rules. */
  rules: Map<string, Expression>;
  /** The form of an answer without calls. Undefined: any text. */
  held: Expression | undefined;
  mode: 'auto' | 'required';
}

/**
 * With `required`, the answer is a call. Otherwise it is a call or a message on the channel `final`, perhaps after messages on the
 * channel `commentary`. The first message has no `start`, unless thinking came before it.
 */
export function channelledAnswer(
  { start, channel, message, end, commentary, final }: Channels,
  { calls, marks, rules, held, mode }: AnswerOptions,
): Expression {
  const opened = (after: Expression) => sequence(optional(marks(start)), after);
  if (mode === 'required') return opened(calls);
  const header = (name: string) => marks(channel + name + message);
  // The parser ends a message at these names even if they are written as text.
  const escaped = [start, end].map((name) => name.replace(/[|\\{}()[\]^$+*?.]/g, '\\$&'));
  const body = language(difference(everyText, patternTexts(escaped.join('|'))), 'itself');
  const next = sequence(marks(end), marks(start), rule('next message'));
  const aside = held === undefined ? sequence(header(commentary), body, next) : impossible;
  rules.set('next message', choice(sequence(header(final), held ?? body), calls, aside));
  return opened(rule('next message'));
}
