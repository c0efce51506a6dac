// Regular expressions that are made to be expensive, drawn from a seed.
import { between, pick, type Random } from './random.ts';

export function regex(random: Random): string {
  const count = between(random, 10, 1_000);
  return pick(random, [
    '(a|aa)*b',
    `(a|aa){1,${count}}b`,
    `(a?){${count}}`,
    `(a?){${count}}a{${count}}`,
    `([a-z]{1,${count}}){1,${count}}`,
    `(([a-z]{1,9} ?){1,9}[.,]?){1,${count}}`,
    `[ab]*a[ab]{${between(random, 2, 40)}}`,
    `(?=[ab]*a[ab]{${between(random, 2, 15)}}$)(?=[ab]*b[ab]{${between(random, 2, 15)}}$)[ab]+`,
    `(?!.*(${Array.from({ length: between(random, 2, 200) }, (_, i) => `w${i}x`).join('|')}))[a-z0-9 ]+`,
    `(\\b[a-z]+\\b ?){1,${count}}`,
    '(a*)*(b*)*(a*b*)*c',
    `${'(a|b|'.repeat(between(random, 5, 49))}c${')*'.repeat(5)}`,
    `(${'[a-z]?'.repeat(between(random, 10, 600))})*`,
    `\\p{L}{1,${count}}\\p{N}{1,${count}}(\\p{L}|\\p{N}|\\p{P}){1,${count}}`,
    `(${'x+x+'.repeat(between(random, 2, 100))})+y`,
    `.{${count},}`,
  ]);
}
