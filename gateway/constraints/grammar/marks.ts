// The fixed texts of a syntax of calls as a grammar: some parts of them may be special tokens, and a space may be optional.
import { type Expression, nothing, optional, sequence, text } from './expression.ts';

/** Writes a fixed text. */
export type Marks = (fixed: string) => Expression;

/** `specials`: ids of special tokens by their names. null: the token ends the answer, so nothing is written for it. */
export function marksOf(specials: Readonly<Record<string, number | null>>): Marks {
  const names = Object.keys(specials).sort((a, b) => b.length - a.length);
  return (fixed) => {
    const parts: Expression[] = [];
    let plain = '';
    for (let at = 0; at < fixed.length; ) {
      const name = names.find((each) => fixed.startsWith(each, at));
      if (name === undefined) plain += fixed.charAt(at++);
      else {
        const id = specials[name];
        parts.push(spaced(plain), typeof id === 'number' ? { kind: 'token', id } : nothing);
        plain = '';
        at += name.length;
      }
    }
    return sequence(...parts, spaced(plain));
  };
}

/** A space after a colon or a comma is optional, as in the grammar of JSON. */
function spaced(fixed: string): Expression {
  const parts = fixed.split(/(?<=[:,]) /);
  return sequence(
    ...parts.flatMap((part, i) => (i === 0 ? [text(part)] : [optional(text(' ')), text(part)])),
  );
}
