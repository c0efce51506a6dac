import { expect, test } from 'vitest';
import { heatMap } from '../../../cli/plan/heat-map.ts';

const heat = {
  layers: 2,
  experts: 12,
  counts: [
    [240, ...new Array<number>(11).fill(0)],
    [...new Array<number>(11).fill(10), 10],
  ],
};

test('the map has a line for each layer and a column for each expert, with denser letters for hotter experts', () => {
  const lines = heatMap(heat).split('\n');
  expect(lines.slice(0, 3)).toEqual(['   0         10', ' 0 @           ', ' 1 ++++++++++++']);
  expect(lines).toContain("[ .:-=+*#%@] 1/8 to 8 times the layer's mean");
});

test('the hottest and the coldest experts are listed with their rows', () => {
  const lines = heatMap(heat).split('\n');
  expect(lines[lines.indexOf('hottest') + 1]).toBe('  layer 0 expert 0: 12.00 times the mean, 240 rows');
  expect(lines[lines.indexOf('coldest') + 1]).toBe('  layer 0 expert 1: 0.00 times the mean, 0 rows');
});

test('experts share a cell on a narrow terminal, and the cell shows the hottest of them', () => {
  const lines = heatMap(heat, { columns: 10 }).split('\n');
  expect(lines[1]).toBe(' 0 @     ');
  expect(lines.find((line) => line.startsWith('['))).toMatch(/a cell shows the hottest of 2 experts$/);
});

test('colours are used only if they are asked for, and are reset at the end of each line', () => {
  const escapes = (text: string) => text.split('\x1b').length - 1;
  expect(escapes(heatMap(heat))).toBe(0);
  const [, first = ''] = heatMap(heat, { colour: true }).split('\n');
  expect(first.startsWith(' 0 \x1b[48;5;196m \x1b[48;5;16m ')).toBe(true);
  expect(first.endsWith('\x1b[0m')).toBe(true);
});

test('all experts look the same if no row was counted', () => {
  const none = { layers: 1, experts: 3, counts: [[0, 0, 0]] };
  expect(heatMap(none).split('\n')[1]).toBe(' 0 +++');
});
