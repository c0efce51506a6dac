// Masks within strings are read from a table of plain tokens (vocabulary.ts). They must equal the masks that are found by trying
// each token.

import { describe, expect, it } from 'vitest';
import { grammarOf } from '../../../gateway/constraints/grammar/grammar-of.ts';
import type { Automaton } from '../../../gateway/constraints/masks/automaton.ts';
import { CompiledGrammar } from '../../../gateway/constraints/masks/compiled.ts';
import { allows, maskOf } from '../../../gateway/constraints/masks/mask.ts';
import type { State } from '../../../gateway/constraints/masks/state.ts';
import { Vocabulary, vocabularyData } from '../../../gateway/constraints/vocabulary.ts';
import { HERMES_CALLS } from '../../support/call-syntax.ts';
import { nano } from './writer.ts';

/** Tokens as in large vocabularies: long tokens, parts of characters, escapes, and tokens with the ends of several strings. */
const PIECES: readonly (string | number[])[] = [
  ...Array.from({ length: 256 }, (_, byte) => [byte]),
  '',
  ...[
    'a',
    'b',
    'ab',
    'ba',
    'abab',
    'aab',
    'cde',
    'the',
    ' the',
    'é',
    '€',
    '😀',
    'aé',
    'é😀',
    '😀😀',
    '\u007f',
    '\ufeff',
  ],
  ...Array.from({ length: 40 }, (_, i) => 'a'.repeat(i + 1)),
  ...['x'.repeat(31), 'x'.repeat(32), 'x'.repeat(33), '€'.repeat(32), '€'.repeat(33), ' '.repeat(64)],
  ...['"', '",', '"}', '":', '":"', '","', 'a"', 'ab"', 'é"', '"a', '"ab":', 'a","b'],
  ...[
    '\\',
    '\\\\',
    '\\"',
    '\\n',
    'a\\',
    '\\u',
    '\\u00',
    '\\u00e9',
    '\\ud83d',
    '\\ud83d\\ude00',
    '\\ude00',
    'a\\n',
    '\\na',
  ],
  ...['\n', 'a\n', '\u0000', '\t'],
  [0xc3],
  [0xa9],
  [0xc3, 0xa9, 0xc3],
  [0xa9, 0x61],
  [0x61, 0xc3],
  [0xf0, 0x9f],
  [0x98, 0x80],
  [0x98, 0x80, 0x22],
  [0xed, 0xa0, 0x80],
  [0xc0, 0x80],
  [0xf4, 0x90, 0x80, 0x80],
  [0xff],
  [0x61, 0xff],
  [0xe2, 0x82, 0xac, 0xe2],
];
const bytesOf = (id: number) => {
  const piece = PIECES[id] ?? [];
  return typeof piece === 'string' ? Buffer.from(piece) : Uint8Array.from(piece);
};
const made = new Vocabulary(vocabularyData(PIECES.length, bytesOf));
const real = new Vocabulary(nano);

/** The allowed ids, found by trying the bytes of each token. */
function tried(automaton: Automaton, state: State, vocabulary: Vocabulary): number[] {
  return Array.from({ length: vocabulary.size }, (_, id) => id).filter((id) => {
    let at: State | undefined = vocabulary.bytes(id).length > 0 ? state : undefined;
    for (const byte of vocabulary.bytes(id)) at = at && automaton.step(at, byte);
    return at !== undefined;
  });
}

function reached(automaton: Automaton, begun: string | readonly number[]): State {
  let state = automaton.start();
  for (const byte of typeof begun === 'string' ? Buffer.from(begun) : begun) {
    const next = automaton.step(state, byte);
    if (next === undefined) throw new Error(`${String(begun)} may not come`);
    state = next;
  }
  return state;
}

const text = (begun: string) => [...Buffer.from(begun)];

const cases: [name: string, schema: unknown, begun: (string | number[])[]][] = [
  [
    'a string',
    { type: 'string' },
    [
      '',
      '"',
      '"a',
      '"é',
      '"\\',
      '"\\u',
      '"\\u00',
      '"\\ud83d',
      '"\\ud83d\\',
      '"a"',
      [...text('"'), 0xf0, 0x9f],
      [...text('"'), 0xe2],
    ],
  ],
  [
    'a string with a length',
    { type: 'string', maxLength: 5 },
    [
      '"',
      '"a',
      '"ab',
      '"abcd',
      '"abcde',
      '"éé€😀',
      '"\\n\\n\\n\\n',
      '"ab\\ud83d\\ude00',
      '"abcd\\',
      [...text('"abcd'), 0xc3],
    ],
  ],
  [
    'a long string with a length',
    { type: 'string', minLength: 30, maxLength: 100 },
    [
      '"',
      `"${'a'.repeat(29)}`,
      `"${'a'.repeat(36)}`,
      `"${'a'.repeat(60)}`,
      `"${'a'.repeat(67)}`,
      `"${'a'.repeat(68)}`,
      `"${'a'.repeat(69)}`,
      `"${'€'.repeat(99)}`,
      `"${'a'.repeat(100)}`,
    ],
  ],
  ['a string that must be long', { type: 'string', minLength: 3 }, ['"', '"a', '"ab', '"abc']],
  ['a pattern', { type: 'string', pattern: '^(ab|cde)*$' }, ['"', '"a', '"ab', '"abc']],
  [
    'a pattern with a length',
    { type: 'string', pattern: '^(ab|cde)*$', minLength: 4, maxLength: 7 },
    ['"', '"ab', '"abab', '"ababc', '"cdecd', '"cdecde'],
  ],
  ['an unanchored pattern', { type: 'string', pattern: 'ab' }, ['"', '"a', '"ab', '"xab', '"\\', '"é']],
  [
    'an unanchored pattern with a length',
    { type: 'string', pattern: 'ab', maxLength: 4 },
    ['"', '"a', '"xa', '"xx', '"xxa', '"ab', '"abxx'],
  ],
  [
    'a pattern of any characters',
    { type: 'string', pattern: '^.{2,36}$' },
    ['"', '"a', `"${'a'.repeat(35)}`, '"é\\'],
  ],
  ['a pattern that excludes one letter', { type: 'string', pattern: '^[^a]*$' }, ['"', '"b', '"é', '"\\u00']],
  ['a string that must not match', { type: 'string', not: { pattern: '^a|b$' } }, ['"', '"x', '"xb', '"é']],
  [
    'a string outside an enum',
    { type: 'string', not: { enum: ['ab', 'abc', 'é'] } },
    ['"', '"a', '"ab', '"abc', '"x', '"é'],
  ],
  ['a format', { type: 'string', format: 'date' }, ['"', '"20', '"2024-', '"2024-02-2']],
  ['an enum', { enum: ['a', 'ab', 'a"b', 'é😀', 'the'] }, ['', '"', '"a', '"é']],
  ['any value', {}, ['', '[', '{', '"', '{"', '{"a', '{"a"', '{"a":"', '["a', '["a","', '12', '[1']],
  [
    'names of properties',
    { type: 'object', properties: { ab: { type: 'string' } }, additionalProperties: { type: 'string' } },
    ['{', '{"', '{"a', '{"ab', '{"abc', '{"é', '{"ab":"', '{"ab":"x","', '{"x":"y","a', '{"x":"y","ab'],
  ],
  [
    'names by a pattern',
    {
      type: 'object',
      patternProperties: { '^x-': { type: 'string', maxLength: 3 } },
      additionalProperties: false,
    },
    ['{', '{"', '{"x', '{"x-', '{"x-é', '{"x-a":"', '{"x-a":"ab', '{"x-a":"abc'],
  ],
  [
    'lists of strings',
    { type: 'array', items: { type: 'string', maxLength: 2 } },
    ['[', '["', '["a', '["ab', '["ab"', '["ab",', '["ab","'],
  ],
  [
    'strings or objects',
    { anyOf: [{ type: 'string', maxLength: 3 }, { type: 'string', pattern: '^a+$' }, { type: 'object' }] },
    ['', '"', '"a', '"aa', '"aaa', '"x', '{"'],
  ],
];

describe('a mask', () => {
  for (const [kind, vocabulary] of [
    ['made-up tokens', made],
    ["nano's vocabulary", real],
  ] as const) {
    it.each(cases)(`equals the ids that are allowed when each is tried: %s, ${kind}`, (_, schema, all) => {
      const grammar = new CompiledGrammar(
        grammarOf({ type: 'json_schema', schema: JSON.stringify(schema) }),
        vocabulary,
      );
      for (const begun of all) {
        const state = reached(grammar.automaton, begun);
        const mask = maskOf(grammar.automaton, state, vocabulary);
        const ids = Array.from({ length: vocabulary.size }, (_, id) => id).filter((id) => allows(mask, id));
        expect([begun, ids]).toEqual([begun, tried(grammar.automaton, state, vocabulary)]);
        // The mask that is kept for states with the same likeness must be the same.
        const kept = grammar.mask(state);
        expect(ids.filter((id) => !allows(kept, id))).toEqual([]);
        expect(ids.every((id) => allows(kept, id))).toBe(true);
      }
    });
  }

  it('equals the ids that are allowed when each is tried, in free text in which a call may begin', () => {
    const syntax = HERMES_CALLS;
    const grammar = new CompiledGrammar(
      grammarOf({ type: 'tool_calls', mode: 'auto', parallel: true, syntax, tools: [{ name: 'f' }] }),
      real,
    );
    for (const begun of ['', 'Well, <tool', '<tool_call>', '<tool_call>\n{"name":"f","arguments":{"a":"']) {
      const state = reached(grammar.automaton, begun);
      const mask = maskOf(grammar.automaton, state, real);
      const ids = Array.from({ length: real.size }, (_, id) => id).filter(
        (id) => allows(mask, id) && real.bytes(id).length > 0,
      );
      expect([begun, ids]).toEqual([begun, tried(grammar.automaton, state, real)]);
    }
  });
});

describe('plain tokens', () => {
  it('consist of at most the given number of whole characters, which need no escape', () => {
    const ids = (length: number) => {
      const bits = made.plain(length);
      return Array.from({ length: made.size }, (_, id) => id).filter(
        (id) => ((bits[id >> 5] ?? 0) >>> (id & 31)) & 1,
      );
    };
    const pieces = (length: number) => ids(length).map((id) => Buffer.from(bytesOf(id)).toString());
    for (const length of [1, 2, 5, 32, 33, Number.POSITIVE_INFINITY]) {
      const most = Math.min(length, 32);
      const expected = PIECES.flatMap((_, id) => {
        const piece = Buffer.from(bytesOf(id));
        const written = piece.toString();
        const whole = Buffer.from(written).equals(piece) && written !== '';
        // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are not plain
        return whole && !/["\\\u0000-\u001f]/.test(written) && Array.from(written).length <= most
          ? [written]
          : [];
      });
      expect(pieces(length)).toEqual(expected);
    }
    expect(pieces(1)).toContain('\u007f');
    expect(pieces(32)).toContain('€'.repeat(32));
  });

  it('and the other tokens together are all tokens of text, each once', () => {
    const bits = made.plain(32);
    const rest = new Set(made.data.rest.ids);
    for (let id = 0; id < made.size; id++) {
      const isPlain = (((bits[id >> 5] ?? 0) >>> (id & 31)) & 1) === 1;
      const textless = made.bytes(id).length === 0;
      expect([id, isPlain, rest.has(id)]).toEqual([id, isPlain, !isPlain && !textless]);
    }
  });
});
