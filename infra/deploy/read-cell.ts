// Reads the description of a cell from a JSON file, in which `bundle` may be the directory of a bundle in place of its sizes, and
// `groups` may name the file of `expertgrid plan --kubernetes`.
import { readFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { errorText } from '../../base/error-text.ts';
import { MANIFEST_FILE } from '../../model/bundle/manifest.ts';
import { bundleSizes } from './bundle-sizes.ts';
import type { Cell, CellSpec } from './cell-spec.ts';
import { parseCell } from './parse-cell.ts';

/** The output of a cell has its name, so two cells of one name would overwrite each other. */
export function readCells(files: readonly string[]): Cell[] {
  const cells = files.map(readCell);
  for (const [i, { name }] of cells.entries()) {
    const first = cells.findIndex((each) => each.name === name);
    if (first < i)
      throw new Error(
        `${files[first]} and ${files[i]} both describe a cell named ${name}: give one another name`,
      );
  }
  return cells;
}

export function readCell(file: string): Cell {
  const spec = readJson(file);
  if (typeof spec !== 'object' || spec === null) throw new Error(`${file}: a cell is a JSON object`);
  const { bundle, groups } = spec as { bundle?: unknown; groups?: unknown };
  const sizes = typeof bundle === 'string' ? sizesIn(resolve(dirname(file), bundle)) : bundle;
  try {
    return parseCell({ ...spec, bundle: sizes, groups: groupsIn(dirname(file), groups) } as CellSpec);
  } catch (error) {
    throw new Error(`${file} does not describe a cell:\n${errorText(error)}`);
  }
}

/** The sizes of the bundle in `directory`. */
export function sizesIn(directory: string): Cell['bundle'] {
  const file = join(directory, MANIFEST_FILE);
  return bundleSizes(basename(directory), readJson(file), file);
}

/** A list is left as it is. Otherwise `plan` is the file of a plan, and the other fields apply to each of its groups. */
function groupsIn(directory: string, groups: unknown): unknown {
  if (typeof groups !== 'object' || groups === null || !('plan' in groups)) return groups;
  const { plan, ...fields } = groups;
  if (typeof plan !== 'string')
    throw new Error('groups.plan: must be the file that `plan --kubernetes` wrote');
  const file = resolve(directory, plan);
  const planned = readJson(file);
  if (!Array.isArray(planned)) throw new Error(`groups.plan: ${file} is not a list of groups`);
  return planned.map((group: object) => ({ ...fields, ...group }));
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw new Error(`cannot read ${file}: ${errorText(cause)}`, { cause });
  }
}
