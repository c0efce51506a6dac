// Reads descriptions of cells from files, among them the one of docs/deploy.md.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { packageRoot } from '../../../base/package.ts';
import { nano } from '../../../infra/deploy/examples.ts';
import { readCell, readCells } from '../../../infra/deploy/read-cell.ts';

const dir = mkdtempSync(join(tmpdir(), 'expertgrid-cell-'));
afterAll(() => rmSync(dir, { recursive: true }));

function fileWith(text: string): string {
  const file = join(dir, 'cell.json');
  writeFileSync(file, text);
  return file;
}

it('reads the sizes of the bundle that the description of docs/deploy.md names', () => {
  const page = readFileSync(join(packageRoot, 'docs/deploy.md'), 'utf8');
  const [, text = ''] = /```json\n(.*?)```/s.exec(page) ?? [];
  const spec = { ...JSON.parse(text), bundle: join(packageRoot, 'models/nano') };
  expect(readCell(fileWith(JSON.stringify(spec)))).toMatchObject({
    bundle: nano.bundle,
    redundancy: 2,
    gateways: { replicas: 2, graceSeconds: 30 },
  });
});

it('names the file of a broken description, and the fields that are wrong', () => {
  expect(() => readCell(fileWith('{'))).toThrow(`cannot read ${join(dir, 'cell.json')}: `);
  expect(() => readCell(fileWith('3'))).toThrow('a cell is a JSON object');
  expect(() => readCell(fileWith(JSON.stringify({ ...nano, zone: 'a b' })))).toThrow(
    /cell.json does not describe a cell:\nzone: must have/,
  );
  expect(() => readCell(fileWith(JSON.stringify({ ...nano, bundle: 'missing' })))).toThrow(
    `cannot read ${join(dir, 'missing', 'bundle.json')}`,
  );
});

it('refuses two cells of one name, whose files would overwrite each other', () => {
  const files = ['eu', 'us', 'eu-too'].map((file) => join(dir, file));
  const names = ['nano-eu', 'nano-us', 'nano-eu'];
  for (const [i, file] of files.entries()) writeFileSync(file, JSON.stringify({ ...nano, name: names[i] }));
  expect(readCells(files.slice(0, 2)).map(({ name }) => name)).toEqual(['nano-eu', 'nano-us']);
  expect(() => readCells(files)).toThrow(
    `${files[0]} and ${files[2]} both describe a cell named nano-eu: give one another name`,
  );
});
