// Reading files of tiktoken ranks, and the faults that such files may have.
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readRanks } from '../../../model/tokenizer/ranks.ts';
import { withFolder } from '../../support/models/o200k.ts';
import { rankLines, ranksWith } from '../../support/models/small-ranks.ts';

const lines = rankLines(ranksWith(['ab', ' the', '\xff\x00']));
const read = (content: string) => withFolder({ ranks: content }, (dir) => readRanks(join(dir, 'ranks')));

test.each([
  ['line feeds', lines.join('\n')],
  ['a line feed at the end', `${lines.join('\n')}\n`],
  ['carriage returns and empty lines', `\r\n${lines.join('\r\n\r\n')}\r\n`],
  ['another order', lines.toReversed().join('\n')],
])('tokens come in the order of their ranks: %s', async (_, content) => {
  const tokens = await read(content);
  expect(tokens).toEqual(ranksWith(['ab', ' the', '\xff\x00']));
});

const at = (line: number, text: string) => lines.with(line - 1, text).join('\n');

test.each([
  ['not base64', at(7, 'AB?= 6'), /ranks: line 7: "AB\?=" is not base64/],
  ['base64 of the wrong length', at(7, 'ABC 6'), /line 7: "ABC" is not base64/],
  ['an empty token', at(7, ' 6'), /line 7: "" is not base64/],
  ['no space', at(7, 'AAAA'), /line 7: "AAAA" is not a token in base64, a space and a rank/],
  ['no rank', at(7, 'AAAA '), /line 7: "" is not a rank/],
  ['two ranks', at(7, 'AAAA 6 7'), /line 7: "6 7" is not a rank/],
  ['a negative rank', at(7, 'AAAA -6'), /line 7: "-6" is not a rank/],
  ['a rank beyond all vocabularies', at(7, 'AAAA 999999999'), /line 7: .* is not a rank.*below 2097152/],
  ['a rank twice', at(7, 'AAAA 5'), /line 7: rank 5 is given again, after line 6/],
  [
    'a token twice',
    `${lines.join('\n')}\nYWI= 259`,
    /line 260: the token "YWI= 259" is given again, after line 257/,
  ],
  ['a gap', `${lines.join('\n')}\nYWJj 260`, /line 260: gives rank 260, but no line gives rank 259/],
  ['a byte without a rank', at(66, 'QUJDRA== 65'), /ranks: no line gives the byte 0x41 a rank \(as QQ==\)/],
  ['an empty file', '', /ranks: has no line/],
  ['a long line', at(7, `${'A'.repeat(2048)} 6`), /line 7: has more than 2048 bytes/],
  ['no lines', 'A'.repeat(1 << 19), /line 1: has more than 2048 bytes/],
])('a file with %s is refused, and the error names the line', async (_, content, message) => {
  await expect(read(content)).rejects.toThrow(message);
});

test('a file that is missing is named', async () => {
  await expect(readRanks('/nowhere/x.tiktoken')).rejects.toThrow(
    '/nowhere/x.tiktoken: cannot be read: ENOENT',
  );
});
