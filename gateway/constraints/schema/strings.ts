// Strings as a grammar: by length, by pattern or by format. Knows no other kind.
import { type Expression, impossible, sequence, text } from '../expression.ts';
import { ConstraintFault, within } from '../fault.ts';
import { anyString, jsonString, spelled } from '../json-text.ts';
import { regexExpression } from '../regex.ts';
import { formats } from './formats.ts';
import type { SchemaObject } from './keywords.ts';

/** Characters that a pattern may have. */
const LONGEST_PATTERN = 2000;

/** Throws where more than one of length, pattern and format is asked for: their grammars cannot be met at once. */
export function strings({ minLength, maxLength, pattern, format }: SchemaObject): Expression {
  const sized = minLength !== undefined || maxLength !== undefined;
  const asked = [pattern !== undefined && 'pattern', format !== undefined && 'format', sized && 'length'];
  const [one, other] = asked.filter((each) => each !== false);
  if (one !== undefined && other !== undefined) {
    throw new ConstraintFault(
      `the ${one} and the ${other} of one string are not supported together`,
      `.${one}`,
    );
  }
  const matching = pattern ?? (format === undefined ? undefined : `^(?:${formats[format]})$`);
  if (matching !== undefined) {
    if (matching.length > LONGEST_PATTERN && pattern !== undefined) {
      throw new ConstraintFault(`it has more than ${LONGEST_PATTERN} characters`, '.pattern');
    }
    const inside = within('.pattern', () => regexExpression(matching, { spell: spelled, whole: false }));
    return sequence(text('"'), inside, text('"'));
  }
  if (!sized) return anyString;
  const [least, most] = [minLength ?? 0, maxLength ?? Number.POSITIVE_INFINITY];
  return least > most ? impossible : jsonString(least, most);
}
