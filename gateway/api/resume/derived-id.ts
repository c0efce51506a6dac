// The ids of the parts of an answer, such as tool calls.
import { hash } from 'node:crypto';

/**
 * 32 hexadecimal digits that depend only on the answer's id and the part's place in the answer. So an answer that is generated again,
 * or that another gateway continues, has the same ids.
 */
export function derivedId(answerId: string, ...place: readonly (string | number)[]): string {
  return hash('sha256', [answerId, ...place].join('/'), 'hex').slice(0, 32);
}
