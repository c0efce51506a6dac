// The pure parts of the scaling benchmarks: charts, variations and the comparison of a run with its prediction.
import { expect, test } from 'vitest';
import { type CheckSample, compare } from '../../../bench/scaling/check-report.ts';
import { dayCharts } from '../../../bench/scaling/draw.ts';
import { theDefault, variations } from '../../../bench/scaling/variations.ts';
import { gatewayRules, timing } from '../../../infra/scaling/rules.ts';

test('charts are drawn with escaped names, axes from zero, and lines within the picture', () => {
  const svg = dayCharts('A day', [
    { title: 'Pods & more', lines: [{ name: 'a <b>', values: [0, 3, 7] }] },
    { title: 'Nothing', lines: [{ name: 'c', values: [0, 0] }] },
  ]);
  expect(svg).toContain('Pods &amp; more');
  expect(svg).toContain('a &lt;b&gt;');
  expect(svg).toContain('prefers-color-scheme:dark');
  expect(svg.match(/<polyline/g)).toHaveLength(2);
  const points = [...svg.matchAll(/points="([^"]*)"/g)].flatMap(([, text = '']) => text.split(' '));
  const [width, height] = [760, 342];
  expect(svg).toContain(`viewBox="0 0 ${width} ${height}"`);
  for (const point of points) {
    const [x = Number.NaN, y = Number.NaN] = point.split(',').map(Number);
    expect(x > 0 && x < width && y > 0 && y < height).toBe(true);
  }
  expect(() => dayCharts('A day', [])).toThrow('A day: there are no charts to draw');
});

test('the default is the rules of the objects, and no variation is the same', () => {
  expect(theDefault.rules).toMatchObject({ gateways: gatewayRules, timing });
  const written = [theDefault, ...variations].map(({ rules }) => JSON.stringify(rules));
  expect(new Set(written).size).toBe(written.length);
});

test('a run is compared second by second with its prediction', () => {
  const sample = (second: number, gateways: number, queueSeconds: number): CheckSample => {
    return { second, current: [gateways, 1], ready: [1, 1], queueSeconds };
  };
  const compared = compare(
    { samples: [sample(1, 1, 0), sample(2, 2, 4), sample(3, 4, 9)], waits: [0, 1, 8], runs: [2, 4] },
    { samples: [sample(1, 1, 0), sample(2, 4, 2)], waits: [0, 2, 4], runs: [3, 5] },
  );
  expect(compared).toMatchObject({ current: [1, 0], ready: [0, 0] });
  expect(compared.means[0]).toEqual({ predicted: 1.5, measured: 2.5 });
  expect(compared.queue).toEqual({ meanDifference: 1, predictedP99: 9, measuredP99: 2 });
  expect(compared.run).toEqual({ predicted: 3, measured: 4 });
  expect(compared.wait).toEqual({ predictedP50: 1, measuredP50: 2, predictedP99: 8, measuredP99: 4 });
  expect(() =>
    compare({ samples: [], waits: [], runs: [] }, { samples: [sample(1, 1, 0)], waits: [], runs: [] }),
  ).toThrow('no second in common');
});
