// Compares the rendered example cells and alert rules with golden files. `vitest run -u` writes the files anew.
import { expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { nano, sigma } from '../../../infra/deploy/examples.ts';
import { parseCell } from '../../../infra/deploy/parse-cell.ts';
import { cellObjects, cellYaml, rulesYaml } from '../../../infra/deploy/render.ts';
import { cells } from './objects.ts';

test.each(Object.entries({ nano, sigma }))(
  'the objects of %s are those of the golden file',
  async (name, spec) => {
    await expect(cellYaml(parseCell(spec))).toMatchFileSnapshot(`golden/${name}.yaml`);
  },
);

test('the alert rules are those of the golden file', async () => {
  await expect(rulesYaml()).toMatchFileSnapshot('golden/alerts.yaml');
});

test.each(Object.entries(cells))('YAML of either version reads the objects of %s back', (_, spec) => {
  const cell = parseCell(spec);
  for (const version of ['1.1', '1.2'] as const) {
    const read = parseAllDocuments(cellYaml(cell), { version }).map((document) => document.toJS());
    expect(read).toEqual(cellObjects(cell));
  }
});
