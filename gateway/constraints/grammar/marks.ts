// The fixed texts of a syntax of calls as a grammar: some parts of them may be special tokens, and white space may be
// optional.
import { type Expression, nothing, optional, sequence, text } from './expression.ts';

/** Writes a fixed text. */
export type Marks = (fixed: string, options?: Marking) => Expression;

interface Marking {
  /** Line breaks are next to the value of an argument, so they are not optional. */
  value?: boolean;
}

/** `specials`: ids of special tokens by their names. null: the token ends the answer, so nothing is written for it. */
export function marksOf(specials: Readonly<Record<string, number | null>>): Marks {
  const names = Object.keys(specials).sort((a, b) => b.length - a.length);
  return (fixed, { value = false } = {}) => {
    const written = value ? spaced : broken;
    const parts: Expression[] = [];
    let plain = '';
    for (let at = 0; at < fixed.length; ) {
      const name = names.find((each) => fixed.startsWith(each, at));
      if (name === undefined) plain += fixed.charAt(at++);
      else {
        const id = specials[name];
        parts.push(written(plain), typeof id === 'number' ? { kind: 'token', id } : nothing);
        plain = '';
        at += name.length;
      }
    }
    return sequence(...parts, written(plain));
  };
}

/** Line breaks are optional. */
function broken(fixed: string): Expression {
  const [first = '', ...rest] = fixed.split('\n');
  return sequence(spaced(first), ...rest.flatMap((part) => [optional(text('\n')), spaced(part)]));
}

/** A space after a colon or a comma is optional, as in the grammar of JSON. */
function spaced(fixed: string): Expression {
  const parts = fixed.split(/(?<=[:,]) /);
  return sequence(
    ...parts.flatMap((part, i) => (i === 0 ? [text(part)] : [optional(text(' ')), text(part)])),
  );
}
