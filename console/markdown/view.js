// Draws Markdown as elements and never as HTML text, so that a model's text can make only the elements that are named here. Blocks
// that have not changed since they were last drawn keep their elements.
import { make } from '../elements.js';
import { blocksOf } from './blocks.js';
import { inlineOf } from './inline.js';

/**
 * @typedef {import('./blocks.js').Block} Block
 * @typedef {import('./blocks.js').Line} Line
 * @typedef {import('./inline.js').Inline} Inline
 * @typedef {(parent: Element, text: string, at: number) => void} Write adds a piece of the source, with its place, to an element
 */

export class MarkdownView {
  #root;
  #write;
  /** @type {{ key: string, element: Element }[]} */
  #drawn = [];

  /**
   * @param {Element} root
   * @param {Write} write
   */
  constructor(root, write) {
    this.#root = root;
    this.#write = write;
  }

  /** @param {string} source */
  draw(source) {
    const blocks = blocksOf(source);
    const keys = blocks.map(({ from, to }) => `${from} ${source.slice(from, to)}`);
    // The last block is always drawn again, because new text may belong to it.
    const same = keys.findIndex((key, i) => this.#drawn[i]?.key !== key || i === blocks.length - 1);
    const kept = same === -1 ? 0 : same;
    for (const { element } of this.#drawn.slice(kept)) element.remove();
    const added = blocks.slice(kept).map((block, i) => {
      return { key: keys[kept + i] ?? '', element: drawBlock(block, this.#write) };
    });
    this.#root.append(...added.map(({ element }) => element));
    this.#drawn = [...this.#drawn.slice(0, kept), ...added];
  }
}

/** @type {(block: Block, write: Write) => HTMLElement} */
function drawBlock(block, write) {
  switch (block.type) {
    case 'paragraph':
      return withText(make('p'), block.lines, write);
    case 'heading':
      return withText(heading(block.level), block.lines, write);
    case 'code':
      return drawCode(block.lines, block.language, write);
    case 'quote':
      return withBlocks(make('blockquote'), block.blocks, write);
    case 'list':
      return drawList(block.items, block.start, write);
    case 'table':
      return drawTable(block, write);
    case 'rule':
      return make('hr');
  }
}

/**
 * The page itself uses the first two levels of headings.
 * @param {number} level
 */
function heading(level) {
  return make('div', { role: 'heading', 'aria-level': `${Math.min(6, level + 2)}`, class: `h${level}` });
}

/** @type {(lines: readonly Line[], language: string, write: Write) => HTMLElement} */
function drawCode(lines, language, write) {
  const code = make('code', language === '' ? {} : { 'data-language': language });
  for (const [i, { text, at }] of lines.entries()) {
    write(code, i === lines.length - 1 ? text : `${text}\n`, at);
  }
  const box = make('pre', {}, code);
  // Not every browser makes scrollable elements focusable.
  box.tabIndex = 0;
  return box;
}

/** @type {(items: readonly Block[][], start: number | undefined, write: Write) => HTMLElement} */
function drawList(items, start, write) {
  const list = start === undefined ? make('ul') : make('ol', { start: `${start}` });
  for (const blocks of items) {
    const item = make('li');
    const [first] = blocks;
    // The first paragraph of an item needs no element of its own.
    if (first?.type === 'paragraph') withText(item, first.lines, write);
    list.append(withBlocks(item, first?.type === 'paragraph' ? blocks.slice(1) : blocks, write));
  }
  return list;
}

/** @type {(table: { align: (string | undefined)[], rows: Line[][] }, write: Write) => HTMLElement} */
function drawTable({ align, rows }, write) {
  const [head = [], ...body] = rows;
  const row = (/** @type {'th' | 'td'} */ tag, /** @type {Line[]} */ cells) => {
    const drawn = align.map((side, i) => {
      const cell = make(tag, side === undefined ? {} : { 'data-align': side });
      return withText(cell, cells.slice(i, i + 1), write);
    });
    return make('tr', {}, ...drawn);
  };
  const rest = make('tbody', {}, ...body.map((cells) => row('td', cells)));
  return make('div', { class: 'table' }, make('table', {}, make('thead', {}, row('th', head)), rest));
}

/**
 * @template {HTMLElement} E
 * @param {E} parent
 * @param {readonly Block[]} blocks
 * @param {Write} write
 */
function withBlocks(parent, blocks, write) {
  parent.append(...blocks.map((block) => drawBlock(block, write)));
  return parent;
}

/**
 * @template {HTMLElement} E
 * @param {E} parent
 * @param {readonly Line[]} lines
 * @param {Write} write
 */
function withText(parent, lines, write) {
  drawInline(parent, inlineOf(lines), write);
  return parent;
}

/** @type {(parent: Element, nodes: readonly Inline[], write: Write) => void} */
function drawInline(parent, nodes, write) {
  for (const node of nodes) {
    if (node.type === 'text') {
      write(parent, node.text, node.at);
      continue;
    }
    const made = elementOf(node);
    if (node.type === 'code') write(made, node.text, node.at);
    else drawInline(made, node.children, write);
    parent.append(made);
  }
}

/** @param {Exclude<Inline, import('./inline.js').Text>} node */
function elementOf(node) {
  if (node.type !== 'link') return make(node.type);
  return make('a', { href: node.href, target: '_blank', rel: 'noopener noreferrer' });
}
