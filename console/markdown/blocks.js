// Splits Markdown into blocks: paragraphs, headings, lists, quotes, code, tables, rules. Every line keeps its place in the
// source, so that drawn text can be traced back to the source. HTML is treated as ordinary text.

/**
 * @typedef {{ text: string, at: number }} Line a part of one line of the source, and its place in the source
 * @typedef {{ type: 'paragraph', lines: Line[] }} Paragraph
 * @typedef {{ type: 'heading', level: number, lines: Line[] }} Heading
 * @typedef {{ type: 'code', language: string, lines: Line[] }} Code
 * @typedef {{ type: 'quote', blocks: Block[] }} Quote
 * @typedef {{ type: 'list', start: number | undefined, items: Block[][] }} List start: first number of an ordered list
 * @typedef {{ type: 'table', align: (string | undefined)[], rows: Line[][] }} Table the first row is the head
 * @typedef {{ type: 'rule' }} Rule
 * @typedef {Paragraph | Heading | Code | Quote | List | Table | Rule} Content
 * @typedef {Content & { from: number, to: number }} Block from, to: places in the source
 * @typedef {{ block: Content, next: number }} Begun a block, and the index of the line after the block
 */

/** Largest number of characters in the line below a table's head. A longer line is text. */
const LONGEST_DELIMITERS = 1_000;
/** Largest depth of nested quotes and lists. Deeper quotes and lists are text. */
const DEEPEST = 8;

const FENCE = /^ {0,3}(`{3,}|~{3,}) *([^`\s]*)[^`]*$/;
const HEADING = /^( {0,3}(#{1,6})[ \t]+)(.*)$/;
const RULE = /^ {0,3}([-*_])[ \t]*(?:\1[ \t]*){2,}$/;
const QUOTE = /^ {0,3}> ?/;
const ITEM = /^( {0,3})([-*+]|\d{1,9}[.)])(?:( +)|$)/;
const DELIMITERS = /^[ \t]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$/;

/** @type {(source: string) => Block[]} */
export function blocksOf(source) {
  let at = 0;
  const lines = source.split('\n').map((text) => {
    const line = { text: text.endsWith('\r') ? text.slice(0, -1) : text, at };
    at += text.length + 1;
    return line;
  });
  return parse(lines, 0);
}

/** @type {(lines: readonly Line[], depth: number) => Block[]} */
function parse(lines, depth) {
  /** @type {Block[]} */
  const blocks = [];
  for (let i = 0; i < lines.length; ) {
    const line = lines[i];
    if (line === undefined) break;
    if (isBlank(line)) {
      i++;
      continue;
    }
    const begun = begin(lines, i, depth);
    const last = lines[begun.next - 1] ?? line;
    blocks.push({ ...begun.block, from: line.at, to: last.at + last.text.length });
    i = begun.next;
  }
  return blocks;
}

/**
 * Reads the block that begins at line `i`.
 * @type {(lines: readonly Line[], i: number, depth: number) => Begun}
 */
function begin(lines, i, depth) {
  const line = lines[i] ?? { text: '', at: 0 };
  const fence = FENCE.exec(line.text);
  if (fence !== null) return code(lines, i, fence[1] ?? '', fence[2] ?? '');
  const heading = HEADING.exec(line.text);
  if (heading !== null) {
    const [, before = '', marks = '', text = ''] = heading;
    const content = [
      trimmed({ text: text.trimEnd().replace(/(^|[ \t])#+$/, ''), at: line.at + before.length }),
    ];
    return { block: { type: 'heading', level: marks.length, lines: content }, next: i + 1 };
  }
  if (RULE.test(line.text)) return { block: { type: 'rule' }, next: i + 1 };
  if (depth < DEEPEST && QUOTE.test(line.text)) return quote(lines, i, depth);
  if (depth < DEEPEST && ITEM.test(line.text)) return list(lines, i, depth);
  if (isTable(lines, i)) return table(lines, i);
  let next = i + 1;
  while (next < lines.length && !interrupts(lines, next) && !isTable(lines, next)) next++;
  return { block: { type: 'paragraph', lines: lines.slice(i, next).map(trimmed) }, next };
}

/** @type {(lines: readonly Line[], i: number, fence: string, language: string) => Begun} */
function code(lines, i, fence, language) {
  const closes = (/** @type {string} */ text) => {
    const marks = text.trim();
    return marks.length >= fence.length && marks === (fence[0] ?? '').repeat(marks.length);
  };
  let end = i + 1;
  while (end < lines.length && !closes(lines[end]?.text ?? '')) end++;
  return {
    block: { type: 'code', language, lines: lines.slice(i + 1, end) },
    next: Math.min(end + 1, lines.length),
  };
}

/** @type {(lines: readonly Line[], i: number, depth: number) => Begun} */
function quote(lines, i, depth) {
  /** @type {Line[]} */
  const inner = [];
  let next = i;
  for (; next < lines.length; next++) {
    const line = lines[next];
    const mark = line && QUOTE.exec(line.text)?.[0];
    if (line === undefined || mark === undefined) break;
    inner.push(rest(line, mark.length));
  }
  return { block: { type: 'quote', blocks: parse(inner, depth + 1) }, next };
}

/** @type {(lines: readonly Line[], i: number, depth: number) => Begun} */
function list(lines, i, depth) {
  const kind = kindOf(lines[i]);
  /** @type {Block[][]} */
  const items = [];
  let next = i;
  while (next < lines.length && kindOf(lines[next]) === kind && !RULE.test(lines[next]?.text ?? '')) {
    const line = lines[next] ?? { text: '', at: 0 };
    const [whole = '', , , spaces = ' '] = ITEM.exec(line.text) ?? [];
    // If more than four spaces follow the mark, the item's text begins one column after the mark.
    const width = spaces.length > 4 ? whole.length - spaces.length + 1 : whole.length;
    const inner = [rest(line, width)];
    const end = endOfItem(lines, next + 1, width);
    for (const inside of lines.slice(next + 1, end))
      inner.push(rest(inside, Math.min(width, indent(inside))));
    items.push(parse(inner, depth + 1));
    next = end;
    while (next < lines.length && isBlank(lines[next]) && kindOf(lines[next + 1]) === kind) next++;
  }
  const number = Number.parseInt(lines[i]?.text.trim() ?? '', 10);
  return { block: { type: 'list', start: Number.isNaN(number) ? undefined : number, items }, next };
}

/**
 * The index of the line after a list item. Lines with the item's indentation belong to the item, and so do lines that continue its
 * paragraph.
 * @param {readonly Line[]} lines
 * @param {number} from
 * @param {number} width
 */
function endOfItem(lines, from, width) {
  let end = from;
  for (let i = from; i < lines.length; i++) {
    const line = lines[i];
    if (line === undefined || isBlank(line)) continue;
    const inside = indent(line) >= Math.min(width, 2);
    const goesOn = i === end && !interrupts(lines, i) && !ITEM.test(line.text);
    if (!inside && !goesOn) break;
    end = i + 1;
  }
  return end;
}

/** @type {(lines: readonly Line[], i: number) => boolean} */
function isTable(lines, i) {
  const [head, marks] = [lines[i]?.text ?? '', lines[i + 1]?.text ?? ''];
  if (!head.includes('|') || marks.length > LONGEST_DELIMITERS || !DELIMITERS.test(marks)) return false;
  return cellsOf({ text: head, at: 0 }).length === cellsOf({ text: marks, at: 0 }).length;
}

/** @type {(lines: readonly Line[], i: number) => Begun} */
function table(lines, i) {
  const align = cellsOf(lines[i + 1] ?? { text: '', at: 0 }).map(({ text }) => {
    const [left, right] = [text.startsWith(':'), text.endsWith(':')];
    return right ? (left ? 'center' : 'right') : undefined;
  });
  let next = i + 2;
  while (next < lines.length && !interrupts(lines, next) && lines[next]?.text.includes('|')) next++;
  const head = lines[i] ?? { text: '', at: 0 };
  const rows = [head, ...lines.slice(i + 2, next)].map((line) => cellsOf(line).slice(0, align.length));
  return { block: { type: 'table', align, rows }, next };
}

/**
 * The cells of a table's row. A bar after a backslash is text.
 * @type {(line: Line) => Line[]}
 */
function cellsOf({ text, at }) {
  const first = /^[ \t]*\|?/.exec(text)?.[0].length ?? 0;
  const end = /(?<!\\)\|[ \t]*$/.exec(text)?.index ?? text.length;
  /** @type {Line[]} */
  const cells = [];
  let from = first;
  for (let i = first; i <= end; i++) {
    const bar = i === end || (text[i] === '|' && text[i - 1] !== '\\');
    if (!bar) continue;
    cells.push(trimmed({ text: text.slice(from, i), at: at + from }));
    from = i + 1;
  }
  return cells;
}

/**
 * Whether a paragraph ends before line `i`.
 * @type {(lines: readonly Line[], i: number) => boolean}
 */
function interrupts(lines, i) {
  const line = lines[i];
  if (line === undefined || isBlank(line)) return true;
  const { text } = line;
  return (
    [FENCE, HEADING, RULE, QUOTE].some((start) => start.test(text)) || /^ {0,3}([-*+]|1[.)]) /.test(text)
  );
}

/** @param {Line | undefined} line */
function kindOf(line) {
  const mark = line && ITEM.exec(line.text)?.[2];
  return mark === undefined ? undefined : mark.slice(-1);
}

/** @param {Line | undefined} line */
function isBlank(line) {
  return line !== undefined && line.text.trim() === '';
}

/** @param {Line} line */
function indent({ text }) {
  return /^ */.exec(text)?.[0].length ?? 0;
}

/** @type {(line: Line, from: number) => Line} */
function rest({ text, at }, from) {
  return { text: text.slice(from), at: at + Math.min(from, text.length) };
}

/** @type {(line: Line) => Line} */
function trimmed({ text, at }) {
  const start = text.length - text.trimStart().length;
  return { text: text.trim(), at: at + start };
}
