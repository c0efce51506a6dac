// The whole vocabulary of o200k_base: ids equal those of tiktoken, and those of gpt-tokenizer for many texts.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { encode } from 'gpt-tokenizer/encoding/o200k_base';
import { beforeAll, expect, test } from 'vitest';
import type { Tokenizer } from '../../../gateway/api/text/tokenizer.ts';
import golden from '../../golden/o200k.json' with { type: 'json' };
import { sigmaTokenizer } from '../../support/models/o200k.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const PIECES = [
  ...[
    "don't",
    "WE'LL",
    "I'M",
    "x'd",
    ' ',
    '  ',
    '\t',
    '\n',
    '\r\n',
    '\u00a0',
    '\u3000',
    '123',
    '4567',
    '٣٤٥',
    '½',
  ],
  ...[
    '漢字',
    'かな',
    '한국어',
    '😀',
    '👨‍👩‍👧',
    'é',
    'e\u0301',
    'ǅ',
    'ʰ',
    'ß',
    '/',
    '...\n',
    '<|end|>',
    '{',
    '();',
    '=>',
  ],
  ...[
    'hello',
    ' world',
    'HelloWorld',
    'snake_case',
    'नमस्ते',
    'ไทย',
    '\0',
    '\u{10ffff}',
    "''",
    '0000',
    'aaaaaaaa',
    'Ａ',
  ],
];

let tokenizer: Tokenizer;
beforeAll(async () => {
  tokenizer = await sigmaTokenizer();
});

test('ids of the golden texts are those of tiktoken', () => {
  expect(golden.cases.map(({ text }) => tokenizer.encode(text))).toEqual(
    golden.cases.map(({ whole }) => whole),
  );
});

/** Numbers from 0 to `below` - 1 that are the same in every run. */
function numbers() {
  let state = 1;
  return (below: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Mixed pieces, random bytes read as latin1, random code points, and paragraphs of source code and prose. */
function manyTexts(): string[] {
  const number = numbers();
  const repeat = <T>(most: number, make: () => T) => Array.from({ length: 1 + number(most) }, make);
  const texts: string[] = [];
  for (let i = 0; i < 600; i++) texts.push(repeat(14, () => PIECES[number(PIECES.length)]).join(''));
  for (let i = 0; i < 200; i++) texts.push(Buffer.from(repeat(60, () => number(256))).toString('latin1'));
  for (let i = 0; i < 200; i++) {
    texts.push(
      repeat(30, () => String.fromCodePoint(number(2) === 0 ? number(0x3000) : 0x4e00 + number(0x5000))).join(
        '',
      ),
    );
  }
  const sources = ['ARCHITECTURE.md', 'model/convert/convert.ts', 'kernels/build.js', 'test/golden/jinja.py'];
  for (const file of sources) texts.push(...readFileSync(join(root, file), 'utf8').split(/(?<=\n\n)/));
  return texts;
}

test('more than 1,000 texts have the ids that gpt-tokenizer gives', () => {
  // For gpt-tokenizer, as for JavaScript, U+FEFF is white space and U+0085 is not. For tiktoken it is the other way round.
  const texts = manyTexts().map((text) => text.replace(/[\u0085\ufeff]/g, ''));
  expect(texts.length).toBeGreaterThan(1000);
  const different = texts.filter((text) => {
    const ours = tokenizer.encodePlain(text, { first: true });
    return String(ours) !== String(encode(text, { disallowedSpecial: new Set() }));
  });
  expect(different).toEqual([]);
});
