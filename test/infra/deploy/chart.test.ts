// Checks the charts of cells without Helm. `chart.deploy.test.ts` renders them.
import { expect, it, test } from 'vitest';
import { parse } from 'yaml';
import { chartFiles } from '../../../infra/deploy/chart/chart.ts';
import { valuesOf } from '../../../infra/deploy/chart/values.ts';
import { parseCell } from '../../../infra/deploy/parse-cell.ts';
import { cells } from './objects.ts';

test.each(Object.entries(cells))('the chart of %s uses each of its values, and no others', (_, spec) => {
  const cell = parseCell(spec);
  const files = chartFiles(cell);
  const templates = Object.entries(files).flatMap(([path, text]) =>
    path.startsWith('templates/') ? text : [],
  );
  const used = templates.flatMap((text) =>
    [...text.matchAll(/\.Values\.([\w.]+)|\(index \.Values\.groups `([^`]+)`\)\.(\w+)/g)].flatMap(
      ([, path, group, field]) => (path === 'groups' ? [] : (path ?? `groups.${group}.${field}`)),
    ),
  );
  expect(new Set(used)).toEqual(new Set(leaves(parse(files['values.yaml']!))));
});

it('a chart is refused if groups fetch from several addresses', () => {
  const [first, ...others] = cells.sigma.groups;
  const source = { from: 'https', url: 'https://other.example.com/' } as const;
  const cell = parseCell({ ...cells.sigma, groups: [{ ...first!, source }, ...others] });
  expect(() => valuesOf(cell)).toThrow(
    'a chart has one model.url, but groups fetch from https://other.example.com/ and https://models.example.com/sigma-moe-tiny/',
  );
});

function leaves(tree: object, path = ''): string[] {
  return Object.entries(tree).flatMap(([key, value]) =>
    typeof value === 'object' ? leaves(value, `${path}${key}.`) : [`${path}${key}`],
  );
}
