// Finds emphasis, code and links in a block's text. Takes time proportional to the length of the text.
import { safeLink } from './links.js';

/**
 * @typedef {import('./blocks.js').Line} Line
 * @typedef {{ type: 'text', text: string, at: number }} Text at: place in the source
 * @typedef {{ type: 'code', text: string, at: number }} Code
 * @typedef {{ type: 'em' | 'strong' | 'del', children: Inline[] }} Styled
 * @typedef {{ type: 'link', href: string, children: Inline[] }} Link
 * @typedef {Text | Code | Styled | Link} Inline
 * @typedef {{ mark: string, count: number, opens: boolean, closes: boolean, nodes: Inline[], at: number }} Run a run of equal marks;
 *   nodes: the nodes that follow the run
 */

const STYLES = /** @type {const} */ ({ '*': 'em', _: 'em', '**': 'strong', __: 'strong', '~~': 'del' });
/** Largest number of consecutive marks. A longer run is text. */
const MOST_MARKS = 3;
/** Largest number of open runs in a line, so that nesting stays shallow. Further runs are text. */
const MOST_OPEN = 20;
const ESCAPED = /^\\[!-/:-@[-`{-~]/;
const BARE = /^https?:\/\/[^\s<>"'`\]]*[^\s<>"'`\].,;:!?)*_~]/;
const ANGLED = /^<(https?:\/\/[^\s<>]+|mailto:[^\s<>]+)>/;
const LINK =
  /^!?\[((?:[^[\]\\`\n]|\\.){0,1000})\]\(\s*<?([^\s()<>]{1,2000}(?:\([^\s()<>]*\)[^\s()<>]*)?)>?(?:\s+"[^"\n]{0,1000}")?\s*\)/;

/** @type {(lines: readonly Line[]) => Inline[]} */
export function inlineOf(lines) {
  return lines.flatMap((line, i) => {
    const nodes = inlineOfText(line.text, line.at);
    const before = lines[i - 1];
    if (before === undefined) return nodes;
    // In the source, the line break may follow white space that is not drawn, so the break is placed right after the drawn text.
    const at = before.at + before.text.length;
    return [{ type: /** @type {const} */ ('text'), text: '\n', at }, ...nodes];
  });
}

/**
 * @param {string} text of one line
 * @param {number} at
 * @returns {Inline[]}
 */
function inlineOfText(text, at) {
  /** @type {Run[]} */
  const runs = [{ mark: '', count: 0, opens: false, closes: false, nodes: [], at }];
  const codeEnds = closingBackticks(text);
  let plain = 0;
  const add = (/** @type {Inline} */ node) => runs.at(-1)?.nodes.push(node);
  const flush = (/** @type {number} */ to) => {
    if (to > plain) add({ type: 'text', text: text.slice(plain, to), at: at + plain });
  };
  for (let i = 0; i < text.length; ) {
    const found = spanAt(text, i, at, codeEnds);
    if (found !== undefined) {
      flush(i);
      add(found.node);
      i = found.end;
      plain = i;
      continue;
    }
    const char = text[i] ?? '';
    const marks = /^(\*+|_+|~~)/.exec(text.slice(i, i + 40))?.[0];
    if (marks === undefined || marks.length > MOST_MARKS) {
      i +=
        marks !== undefined ? marks.length : char === '`' ? (/^`+/.exec(text.slice(i))?.[0].length ?? 1) : 1;
      continue;
    }
    flush(i);
    const [before, after] = [text[i - 1] ?? ' ', text[i + marks.length] ?? ' '];
    runs.push({
      mark: char,
      count: marks.length,
      ...flanks(char, before, after),
      nodes: [],
      at: at + i,
    });
    i += marks.length;
    plain = i;
  }
  flush(text.length);
  return joined(runs);
}

/**
 * The span, such as code or a link, that begins at `i`. Emphasis marks inside the span have no effect outside it.
 * @param {string} text
 * @param {number} i
 * @param {number} at
 * @param {ReadonlyMap<number, number>} codeEnds
 * @returns {{ node: Inline, end: number } | undefined}
 */
function spanAt(text, i, at, codeEnds) {
  const char = text[i];
  if (char === '`') {
    const end = codeEnds.get(i);
    if (end === undefined) return undefined;
    const width = /^`+/.exec(text.slice(i))?.[0].length ?? 1;
    return { node: { type: 'code', text: text.slice(i + width, end), at: at + i + width }, end: end + width };
  }
  if (char === '\\') {
    if (!ESCAPED.test(text.slice(i, i + 2))) return undefined;
    return { node: { type: 'text', text: text[i + 1] ?? '', at: at + i + 1 }, end: i + 2 };
  }
  if (char === '<') {
    const [whole, href = ''] = ANGLED.exec(text.slice(i, i + 2_100)) ?? [];
    return whole === undefined ? undefined : linkTo(href, href, at + i + 1, i + whole.length);
  }
  if (char === 'h') {
    if (/\w/.test(text[i - 1] ?? ' ')) return undefined;
    const [href] = BARE.exec(text.slice(i, i + 2_100)) ?? [];
    return href === undefined ? undefined : linkTo(href, href, at + i, i + href.length);
  }
  if (char === '[' || (char === '!' && text[i + 1] === '[')) {
    const [whole, label = '', href = ''] = LINK.exec(text.slice(i, i + 4_100)) ?? [];
    if (whole === undefined) return undefined;
    return linkTo(href, label, at + i + (char === '!' ? 2 : 1), i + whole.length);
  }
  return undefined;
}

/**
 * A link node. Undefined if the address is unsafe; the link then stays text.
 * @param {string} href
 * @param {string} label
 * @param {number} at
 * @param {number} end
 */
function linkTo(href, label, at, end) {
  const safe = safeLink(href);
  if (safe === undefined) return undefined;
  /** @type {Inline[]} */
  const children = label === href ? [{ type: 'text', text: label, at }] : inlineOfLabel(label, at);
  return { node: { type: /** @type {const} */ ('link'), href: safe, children }, end };
}

/**
 * @param {string} label
 * @param {number} at
 * @returns {Inline[]} without links
 */
function inlineOfLabel(label, at) {
  return inlineOfText(label, at).flatMap((node) => (node.type === 'link' ? node.children : [node]));
}

/**
 * The place of the closing run of backticks, by the place of the opening run.
 * @type {(text: string) => Map<number, number>}
 */
function closingBackticks(text) {
  /** @type {Map<number, number>} */
  const next = new Map();
  /** @type {Map<number, number>} */
  const ends = new Map();
  for (const { index, 0: run } of [...text.matchAll(/`+/g)].reverse()) {
    const partner = next.get(run.length);
    if (partner !== undefined) ends.set(index, partner);
    next.set(run.length, index);
  }
  return ends;
}

/**
 * Whether marks may begin or end emphasis, by the characters beside them. Underscores inside a word are text.
 * @param {string} mark
 * @param {string} before
 * @param {string} after
 */
function flanks(mark, before, after) {
  const [spaceBefore, spaceAfter] = [/\s/.test(before), /\s/.test(after)];
  const [signBefore, signAfter] = [before, after].map((char) => /[\p{P}\p{S}]/u.test(char));
  const left = !spaceAfter && (!signAfter || spaceBefore || signBefore === true);
  const right = !spaceBefore && (!signBefore || spaceAfter || signAfter === true);
  if (mark !== '_') return { opens: left, closes: right };
  return { opens: left && (!right || signBefore === true), closes: right && (!left || signAfter === true) };
}

/**
 * Pairs each closing run with the nearest opening run of the same mark. The nodes between the two runs become children of one node.
 * @param {readonly Run[]} runs
 * @returns {Inline[]}
 */
function joined(runs) {
  /** @type {Run[]} open runs, each with the nodes after it */
  const stack = [];
  /** Number of open runs by mark. The stack is not searched for a mark that has none. */
  const open = { '*': 0, _: 0, '~': 0 };
  const count = (/** @type {Run} */ run, /** @type {number} */ by) => {
    if (run.opens && run.mark !== '') open[/** @type {keyof typeof open} */ (run.mark)] += by;
  };
  for (const run of runs) {
    let left = run.count;
    while (run.closes && left > 0 && open[/** @type {keyof typeof open} */ (run.mark)] > 0) {
      /** @type {Inline[][]} */
      const inside = [];
      let opener = stack.at(-1);
      while (opener !== undefined && !(opener.opens && opener.mark === run.mark)) {
        count(opener, -1);
        inside.unshift([...marksOf(opener, opener.count), ...opener.nodes]);
        stack.pop();
        opener = stack.at(-1);
      }
      if (opener === undefined) {
        stack.push({ mark: '', count: 0, opens: false, closes: false, nodes: inside.flat(), at: 0 });
        break;
      }
      const width = run.mark === '~' ? 2 : Math.min(2, left, opener.count);
      const type = STYLES[/** @type {keyof typeof STYLES} */ (run.mark.repeat(width))];
      const children = [...opener.nodes, ...inside.flat()];
      opener.count -= width;
      opener.nodes = [{ type, children }];
      left -= width;
      if (opener.count === 0) {
        count(opener, -1);
        opener.opens = false;
      }
    }
    const opens = run.opens && left > 0 && open['*'] + open._ + open['~'] < MOST_OPEN;
    const kept = { ...run, count: left, at: run.at + run.count - left, opens };
    stack.push(kept);
    count(kept, 1);
  }
  return stack.flatMap((run) => [...marksOf(run, run.count), ...run.nodes]);
}

/**
 * Marks without a partner are text.
 * @type {(run: Run, count: number) => Inline[]}
 */
function marksOf({ mark, at }, count) {
  return count === 0 ? [] : [{ type: 'text', text: mark.repeat(count), at }];
}
