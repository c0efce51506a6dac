import { describe, expect, it } from 'vitest';
import { type Plot, plotSvg } from '../../bench/drawing/plot.ts';

const plot: Plot = {
  title: 'Speed & streams',
  x: { label: 'streams', scale: 'log2' },
  y: { label: 'tokens a second', scale: 'log10' },
  series: [
    {
      name: 'decode',
      points: [
        [1, 40],
        [2, 80],
        [8, 150],
      ],
    },
    { name: 'a < b', points: [[1, 300]] },
  ],
};

/** Attributes of every element of this name. */
function elements(svg: string, name: string): Record<string, string>[] {
  return [...svg.matchAll(new RegExp(`<${name} ([^>]*?)/?>`, 'g'))].map(([, attributes = '']) =>
    Object.fromEntries([...attributes.matchAll(/([\w-]+)="([^"]*)"/g)].map(([, key, value]) => [key, value])),
  );
}

function texts(svg: string): string[] {
  return [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, words = '']) => words);
}

/** Places of a polyline's points. */
function places(svg: string, index: number): number[][] {
  return elements(svg, 'polyline')
    [index]!.points!.split(' ')
    .map((pair) => pair.split(',').map(Number));
}

describe('a plot', () => {
  const svg = plotSvg(plot);

  it('gives every series another line', () => {
    const series = Array.from({ length: 9 }, (_, i) => ({ name: `${i}`, points: [[1, 40]] as const }));
    const lines = elements(plotSvg({ ...plot, series }), 'polyline');
    expect(new Set(lines.map((line) => `${line.stroke} ${line['stroke-dasharray']}`)).size).toBe(9);
  });

  it('is one well-formed SVG element', () => {
    const open: string[] = [];
    for (const [, closing, name, rest = ''] of svg.matchAll(/<(\/?)(\w+)([^>]*)>/g)) {
      if (closing) expect(open.pop()).toBe(name);
      else if (!rest.endsWith('/')) open.push(name!);
    }
    expect(open).toEqual([]);
    expect(svg.startsWith('<svg xmlns="http://www.w3.org/2000/svg"')).toBe(true);
    expect(svg.replaceAll(/&(amp|lt|gt);/g, '')).not.toContain('&');
  });

  it('has title, labels, legend and ticks', () => {
    expect(texts(svg)).toEqual([
      'Speed &amp; streams',
      ...['1', '2', '4', '8'],
      ...['20', '50', '100', '200', '500'],
      ...['streams', 'tokens a second'],
      ...['decode', 'a &lt; b'],
    ]);
  });

  it('puts doubled values at equal distances on a log2 axis, and larger values higher', () => {
    const [one, two, eight] = places(svg, 0);
    expect((eight![0]! - one![0]!) / (two![0]! - one![0]!)).toBeCloseTo(3, 1);
    expect(one![1]).toBeGreaterThan(two![1]!);
    expect(two![1]).toBeGreaterThan(eight![1]!);
  });

  it('draws a marker for each point inside the area of the lines', () => {
    const area = elements(svg, 'rect').at(-1)!;
    const [left, top] = [Number(area.x), Number(area.y)];
    expect(elements(svg, 'circle')).toHaveLength(4 + plot.series.length);
    for (const [x, y] of [...places(svg, 0), ...places(svg, 1)]) {
      expect(x).toBeGreaterThanOrEqual(left);
      expect(x).toBeLessThanOrEqual(left + Number(area.width));
      expect(y).toBeGreaterThanOrEqual(top);
      expect(y).toBeLessThanOrEqual(top + Number(area.height));
    }
  });

  it('starts a linear axis at 0', () => {
    const linear = plotSvg({ ...plot, y: { label: 'ms', scale: 'linear' }, series: plot.series.slice(0, 1) });
    expect(texts(linear)).toEqual(expect.arrayContaining(['0', '50', '100', '150']));
  });

  it('draws a single value, and values below 1', () => {
    const points = [[4, 0.03]] as const;
    expect(texts(plotSvg({ ...plot, series: [{ name: 'one', points }] }))).toEqual(
      expect.arrayContaining(['4', '8', '0.02', '0.05']),
    );
  });

  it('is refused if there are no points, or if a value cannot stand on a logarithmic axis', () => {
    expect(() => plotSvg({ ...plot, series: [] })).toThrow('a plot over streams has no points');
    const zero = { ...plot, series: [{ name: 'zero', points: [[0, 1]] as const }] };
    expect(() => plotSvg(zero)).toThrow('0 cannot stand on the logarithmic axis streams');
  });
});
