// The playground's Markdown reader: the blocks of a text, that no text is lost, that every piece of text has its place in the
// source, that no text takes long, and that no link leads to an unsafe address.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Block, type Inline, type Line, markdown } from './modules.ts';

const { blocksOf, inlineOf, safeLink } = markdown;

/** The nodes in a short form: `type(children)`. */
function shape(block: Block): string {
  switch (block.type) {
    case 'heading':
      return `h${block.level}(${inline(block.lines)})`;
    case 'code':
      return `code ${block.language}(${block.lines?.map(({ text }) => text).join('|')})`;
    case 'quote':
      return `quote(${block.blocks?.map(shape).join(' ')})`;
    case 'list':
      return `list${block.start ?? ''}(${block.items?.map((item) => item.map(shape).join(' ')).join(', ')})`;
    case 'table':
      return `table(${block.rows?.map((row) => row.map((cell) => inline([cell])).join('|')).join(' / ')})`;
    case 'rule':
      return 'rule';
    default:
      return `p(${inline(block.lines)})`;
  }
}
const inline = (lines: readonly Line[] = []) => inlineOf(lines).map(inlineShape).join('');
function inlineShape({ type, text = '', href, children = [] }: Inline): string {
  if (type === 'text') return text;
  const inner = type === 'code' ? text : children.map(inlineShape).join('');
  return `<${type}${href === undefined ? '' : ` ${href}`}>${inner}</${type}>`;
}
const shapes = (source: string) => blocksOf(source).map(shape);

describe('blocks', () => {
  it.each([
    ['a\nb\n\nc', ['p(a\nb)', 'p(c)']],
    ['# One\n## Two ##\n#None', ['h1(One)', 'h2(Two)', 'p(#None)']],
    ['```ts\nlet a;\n\n# b\n```\nafter', ['code ts(let a;||# b)', 'p(after)']],
    ['~~~\nnever closed', ['code (never closed)']],
    ['- a\n- b\n  more\n\n  second\n- c', ['list(p(a), p(b\nmore) p(second), p(c))']],
    ['3. a\n4. b', ['list3(p(a), p(b))']],
    ['1. a\n   - b\n     - c\n2. d', ['list1(p(a) list(p(b) list(p(c))), p(d))']],
    ['1. a\n\n   ```\n   x\n   ```\n2. b', ['list1(p(a) code (x), p(b))']],
    ['* a\n\ntext', ['list(p(a))', 'p(text)']],
    ['> a\n> > b\n\nc', ['quote(p(a) quote(p(b)))', 'p(c)']],
    ['Here:\n| a | b |\n|---|:-:|\n| 1 | 2 \\| 3 |\nend', ['p(Here:)', 'table(a|b / 1|2 | 3)', 'p(end)']],
    ['a | b', ['p(a | b)']],
    ['a\n\n---\n\nb', ['p(a)', 'rule', 'p(b)']],
    ['<script>alert(1)</script>', ['p(<script>alert(1)</script>)']],
  ])('of %j are as expected', (source, wanted) => {
    expect(shapes(source)).toEqual(wanted);
  });
});

describe('inline', () => {
  it.each([
    ['*a* _b_ **c** __d__ ~~e~~', '<em>a</em> <em>b</em> <strong>c</strong> <strong>d</strong> <del>e</del>'],
    ['***a*** **b *c* d**', '<em><strong>a</strong></em> <strong>b <em>c</em> d</strong>'],
    ['snake_case_name 2 * 3 * 4 **open', 'snake_case_name 2 * 3 * 4 **open'],
    ['*a **b*', '*a *<em>b</em>'],
    ['`a *b*` ``c ` d`` `open', '<code>a *b*</code> <code>c ` d</code> `open'],
    ['\\*a\\* \\x', '*a* \\x'],
    ['[a **b**](https://x.example/c "t")', '<link https://x.example/c>a <strong>b</strong></link>'],
    ['see https://x.example/a_b_c.', 'see <link https://x.example/a_b_c>https://x.example/a_b_c</link>.'],
    ['![alt](https://x.example/p.png)', '<link https://x.example/p.png>alt</link>'],
    ['[x](javascript:alert(1)) [y](data:text/html,z)', '[x](javascript:alert(1)) [y](data:text/html,z)'],
    ['<https://x.example> <b>', '<link https://x.example/>https://x.example</link> <b>'],
  ])('nodes of %j are as expected', (source, wanted) => {
    expect(inline([{ text: source, at: 0 }])).toBe(wanted);
  });

  it('makes links only to web pages and e-mail addresses', () => {
    expect(safeLink('mailto:a@b.example')).toBe('mailto:a@b.example');
    for (const href of [
      'javascript:alert(1)',
      'JaVaScRiPt:1',
      'data:text/html,x',
      '/here',
      'file:///etc',
      'https://',
    ])
      expect([href, safeLink(href)]).toEqual([href, undefined]);
  });
});

/** Every piece of text with its place in the source. */
function leaves(blocks: readonly Block[]): Line[] {
  const ofInline = ({ text, at = 0, children = [] }: Inline): Line[] =>
    text === undefined ? children.flatMap(ofInline) : [{ text, at }];
  return blocks.flatMap(({ type, lines = [], rows = [], blocks: inner = [], items = [] }) => [
    ...(type === 'code' ? lines : inlineOf(lines).flatMap(ofInline)),
    ...rows.flat().flatMap((cell) => inlineOf([cell]).flatMap(ofInline)),
    ...leaves(inner),
    ...items.flatMap(leaves),
  ]);
}

const signs = [
  '*',
  '**',
  '_',
  '`',
  '``',
  '```',
  '[',
  '](',
  ')',
  '!',
  '<',
  '>',
  '|',
  '---',
  '#',
  '- ',
  '1. ',
  '~~',
  '\\',
  '\n',
  '\n\n',
  '  ',
  'https://x.example',
  'word',
  ' ',
  'é',
];
const hostile = fc.array(fc.constantFrom(...signs), { maxLength: 60 }).map((parts) => parts.join(''));

describe('any text', () => {
  it('keeps every word, in order, and each piece has its place in the source', () => {
    fc.assert(
      fc.property(hostile, (source) => {
        const found = leaves(blocksOf(source));
        for (const { text, at } of found)
          if (text !== '\n') expect(source.slice(at, at + text.length)).toBe(text);
        const places = found.filter(({ text }) => text.trim() !== '').map(({ at }) => at);
        expect(places).toEqual([...places].sort((a, b) => a - b));
        const words = (text: string) => text.match(/word/g)?.length ?? 0;
        const hidden = blocksOf(source).some(({ type }) => type === 'code' || type === 'table');
        const shown = found.map(({ text }) => text).join('');
        // The language of a code block, cells beyond those of a table's head, and addresses of links are not drawn.
        if (!hidden && !source.includes('](')) expect(words(shown)).toBe(words(source));
      }),
      { seed: 4, numRuns: 200 },
    );
  });

  it.each([
    '*',
    '**a',
    '_a_',
    '`',
    '[',
    '[a](',
    '![',
    '<',
    '> ',
    '- ',
    '1. ',
    '|',
    '|-',
    '~~',
    '\\',
    '# ',
    ' ',
    '\t|',
    'h',
    '*a `b` ',
  ])('is read in time proportional to its length: %j', (part) => {
    const source = part.repeat(5_000);
    const startedAt = process.threadCpuUsage().user;
    for (const each of [source, `a|b\n${source}`, `# a${source}b`]) leaves(blocksOf(each));
    expect(process.threadCpuUsage().user - startedAt).toBeLessThan(1_000_000);
  });

  it('is nested no deeper than the limit', () => {
    for (const source of [
      `${'> '.repeat(5_000)}a`,
      `${'- '.repeat(5_000)}a`,
      `${'**a *b '.repeat(3_000)}${'c* d**'.repeat(3_000)}`,
    ]) {
      expect(() => leaves(blocksOf(source))).not.toThrow();
    }
  });
});
