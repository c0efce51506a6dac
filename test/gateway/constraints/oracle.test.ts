import { describe, expect, it } from 'vitest';
import { Vocabulary } from '../../../gateway/constraints/vocabulary.ts';
import { openOracle } from '../../support/xgrammar.ts';
import { allowed, END, nano, open, write } from './writer.ts';

const vocabulary = new Vocabulary(nano);
const oracle = await openOracle(Array.from({ length: vocabulary.size }, (_, id) => vocabulary.bytes(id)));

/** The grammars use ASCII only, because for other characters the library also allows bytes that are not UTF-8. */
const grammars: Record<string, string> = {
  sums: `root ::= sum
    sum ::= term (("+" | "-") term)*
    term ::= [0-9]{1,3} | "(" sum ")"`,
  json: `root ::= object
    object ::= "{" (pair ("," pair)*)? "}"
    pair ::= string ":" value
    value ::= object | string | number | "[" (value ("," value)*)? "]" | "true" | "false" | "null"
    string ::= "\\"" [ !#-Z^-~]* "\\""
    number ::= "-"? ("0" | [1-9] [0-9]*) ("." [0-9]+)?`,
  counted: 'root ::= ([a-z]{2,5} " "){1,4} [.!?]',
  list: `root ::= item+
    item ::= "- " [A-Za-z ]+ "\\n" sub{0,2}
    sub ::= "  * " [a-z]{1,6} "\\n"`,
  ambiguous: 'root ::= ("a" | "ab" | "abc" | "b" | "c")* "end"?',
  hexadecimal: 'root ::= "0x" [0-9a-fA-F]{1,8} | "#" [0-9a-f]{3} ([0-9a-f]{3})?',
};

describe('masks', () => {
  it.each(Object.entries(grammars))(
    'equal those of xgrammar at every step of an answer: %s',
    async (_, grammar) => {
      const spec = { type: 'grammar' as const, grammar };
      for (let seed = 0; seed < 3; seed++) {
        const { ids } = write(open(spec), { seed, most: 40 });
        const ours = open(spec);
        const theirs = await oracle.open({ grammar });
        for (const id of ids) {
          const may = allowed(ours);
          expect(may.filter((each) => each !== END)).toEqual(await theirs.allowed());
          expect(may.includes(END)).toBe(await theirs.mayEnd());
          ours.advance(id);
          expect(theirs.accept(id)).toBe(true);
        }
      }
    },
  );
});
