// Puts what a benchmark printed into docs/capacity.md, between two comments that name the block.
import { readFile, writeFile } from 'node:fs/promises';

export const capacityPage = new URL('../../docs/capacity.md', import.meta.url);

export async function writeBlock(name: string, text: string): Promise<void> {
  await writeFile(capacityPage, withBlock(await readFile(capacityPage, 'utf8'), name, text));
}

/** Throws if the page has no such block. */
export function withBlock(page: string, name: string, text: string): string {
  const { from, to } = placeOf(page, name);
  return `${page.slice(0, from)}\n\n\`\`\`\n${text.trimEnd()}\n\`\`\`\n\n${page.slice(to)}`;
}

/** The text of a block of the page. */
export function blockOf(page: string, name: string): string {
  const { from, to } = placeOf(page, name);
  return page
    .slice(from, to)
    .trim()
    .replace(/^```\n/, '')
    .replace(/\n```$/, '');
}

function placeOf(page: string, name: string): { from: number; to: number } {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- end of ${name} -->`];
  const [at, to] = [page.indexOf(begin), page.indexOf(end)];
  if (at < 0 || to < at) throw new Error(`docs/capacity.md has no block between ${begin} and ${end}`);
  return { from: at + begin.length, to };
}
