// Whole multiples of a number, digit by digit: a rule for each remainder of what was written so far. Pure.
import { choice, type Expression, impossible, nothing, oneOf, sequence, text } from '../expression.ts';
import { ConstraintFault } from '../fault.ts';
import { padded } from './numbers.ts';

/** Names a rule and gives a reference to it; `make` is called once for each key. */
export type Define = (key: string, make: () => Expression) => Expression;

/** Beyond it, rules for remainders are too many; few multiples may be listed all the same. */
const MOST_REMAINDERS = 128;
const MOST_LISTED = 2000n;

/** `low` from 0. Impossible where there is none. */
export function multiplesBetween(low: bigint, high: bigint, divisor: number, define: Define): Expression {
  const by = BigInt(divisor);
  const first = ((low + by - 1n) / by) * by;
  if (first > high) return impossible;
  const count = (high - first) / by + 1n;
  if (count <= MOST_LISTED) {
    return oneOf(Array.from({ length: Number(count) }, (_, i) => String(first + by * BigInt(i))));
  }
  if (divisor > MOST_REMAINDERS) {
    const message = `'multipleOf' above ${MOST_REMAINDERS} is supported only where bounds leave at most ${MOST_LISTED} multiples`;
    throw new ConstraintFault(message, '.multipleOf');
  }
  const parts: Expression[] = [];
  for (let length = 1; length <= String(high).length; length++) {
    const least = length === 1 ? 0n : 10n ** BigInt(length - 1);
    const most = 10n ** BigInt(length) - 1n;
    const from = low > least ? low : least;
    const to = high < most ? high : most;
    if (from > to) continue;
    const bounds = { low: padded(from, length), high: padded(to, length) };
    if (reaches(bounds, 0, divisor)) parts.push(digits(bounds, 0, divisor, define));
  }
  return choice(...parts);
}

/** Digits from `low` to `high` that make a multiple of what was written, which left `remainder`. */
function digits(
  { low, high }: { low: string; high: string },
  remainder: number,
  divisor: number,
  define: Define,
): Expression {
  if (low.length === 0) return remainder === 0 ? nothing : impossible;
  return define(`multiple of ${divisor} after ${remainder} from ${low} to ${high}`, () => {
    const branches: Expression[] = [];
    for (let digit = Number(low[0]); digit <= Number(high[0]); digit++) {
      const rest = {
        low: digit === Number(low[0]) ? low.slice(1) : '0'.repeat(low.length - 1),
        high: digit === Number(high[0]) ? high.slice(1) : '9'.repeat(low.length - 1),
      };
      if (!reaches(rest, (remainder * 10 + digit) % divisor, divisor)) continue;
      branches.push(
        sequence(text(String(digit)), digits(rest, (remainder * 10 + digit) % divisor, divisor, define)),
      );
    }
    return choice(...branches);
  });
}

/** Whether some number between makes a multiple. */
function reaches({ low, high }: { low: string; high: string }, remainder: number, divisor: number): boolean {
  const by = BigInt(divisor);
  const before = BigInt(remainder) * 10n ** BigInt(low.length);
  const first = ((before + BigInt(low || '0') + by - 1n) / by) * by;
  return first <= before + BigInt(high || '0');
}
