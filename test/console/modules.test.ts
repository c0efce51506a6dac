// What the console computes before it draws anything.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createMetrics } from '../../gateway/api/metrics.ts';
import { type Cell, colours, events, format, grid, history, samples, scale } from './modules.ts';

const folder = join(import.meta.dirname, '..', '..', 'console');

describe('the page', () => {
  it('imports nothing but its own files, and loads nothing from elsewhere', () => {
    const files = readdirSync(folder).filter((name) => /\.(js|html|css)$/.test(name));
    expect(files.length).toBeGreaterThan(20);
    for (const name of files) {
      const text = readFileSync(join(folder, name), 'utf8');
      const imports = [...text.matchAll(/^import (?:[^;]*? from )?'([^']+)'/gm)].map(([, target]) => target);
      expect(imports.filter((target) => !files.includes(target!.replace('./', '')))).toEqual([]);
      const links = [...text.matchAll(/(?:src|href)="([^"#]+)"/g)].map(([, target]) => target);
      const own = /^(console|docs)(\/|$)|^(openapi\.json|metrics)$/;
      expect(links.filter((target) => !own.test(target!))).toEqual([]);
      expect(text.replaceAll('http://www.w3.org/2000/svg', '')).not.toMatch(/https?:\/\//);
    }
  });
});

describe('samples', () => {
  it('are read from what the gateway writes, histograms added up over their labels', async () => {
    const metrics = createMetrics();
    metrics.firstToken('/v1/completions', 0.02);
    metrics.firstToken('/v1/chat/completions', 0.2);
    metrics.tokens(5, 7);
    const page = samples.parseSamples(await metrics.render([]));
    expect(samples.total(page, 'expertgrid_generated_tokens_total')).toBe(7);
    expect(samples.total(page, 'no_such_sample')).toBeUndefined();
    const { bounds, counts } = samples.histogram(page, 'expertgrid_time_to_first_token_seconds');
    expect(bounds.at(-1)).toBe(Number.POSITIVE_INFINITY);
    expect(counts[bounds.indexOf(0.01)]).toBe(0);
    expect(counts[bounds.indexOf(0.025)]).toBe(1);
    expect(counts.at(-1)).toBe(2);
  });

  it('keep escaped labels, and pass over what is no sample or not wanted', () => {
    const page = '# HELP a b\na{x="1\\"2\\n"} 3\n\nnonsense\nb 4 1700000000\nc{} +Inf\n';
    expect([...samples.parseSamples(page, (name) => name !== 'c').values()].flat()).toEqual([
      { name: 'a', labels: { x: '1"2\n' }, value: 3 },
      { name: 'b', labels: {}, value: 4 },
    ]);
  });
});

describe('the history', () => {
  const none = { bounds: [0.1, 1, Number.POSITIVE_INFINITY], counts: [0, 0, 0] };
  const look = (at: number, tokens: number, first = none) => ({ at, tokens, first, next: none });

  it('has rates and quantiles of what came between two looks', () => {
    const past = new history.History();
    past.add(look(0, 100));
    past.add(look(2000, 150, { ...none, counts: [2, 4, 4] }));
    expect(past.points).toEqual([
      { at: 0, rate: undefined, first: undefined, next: undefined },
      { at: 2000, rate: 25, first: { median: 0.1, slow: expect.closeTo(0.91) }, next: undefined },
    ]);
  });

  it('says nothing across a restart of the gateway or a long silence', () => {
    const past = new history.History();
    for (const [at, tokens] of [
      [0, 100],
      [2000, 3],
      [4000, 5],
      [60_000, 50],
    ] as const)
      past.add(look(at, tokens));
    expect(past.points.map(({ rate }) => rate)).toEqual([undefined, undefined, 1, undefined]);
  });

  it('forgets what is older than ten minutes', () => {
    const past = new history.History();
    for (let at = 0; at <= 700_000; at += 2000) past.add(look(at, at));
    expect(past.points[0]?.at).toBe(100_000);
  });

  it('finds quantiles inside their bucket, never beyond the last finite bound', () => {
    const counts = fc.array(fc.nat(50), { minLength: 4, maxLength: 4 });
    fc.assert(
      fc.property(counts, fc.double({ min: 0.01, max: 1, noNaN: true }), (each, share) => {
        let sum = 0;
        const cumulative = each.map((count) => (sum += count));
        const bounds = [0.1, 0.5, 2, Number.POSITIVE_INFINITY];
        const found = history.quantile({ bounds, counts: cumulative }, share);
        if (sum === 0) return expect(found).toBeUndefined();
        const bucket = cumulative.findIndex((count) => count >= share * sum);
        expect(found).toBeGreaterThanOrEqual(bounds[bucket - 1] ?? 0);
        expect(found).toBeLessThanOrEqual(Math.min(2, bounds[bucket]!));
      }),
      { seed: 7, numRuns: 300 },
    );
  });
});

describe('the heat map', () => {
  it('finds under each cell that cell, at any size and density', () => {
    const sizes = fc.record({
      layers: fc.integer({ min: 1, max: 80 }),
      experts: fc.integer({ min: 1, max: 128 }),
      width: fc.integer({ min: 300, max: 1600 }),
      density: fc.constantFrom(1, 1.5, 2),
    });
    fc.assert(
      fc.property(sizes, fc.nat(), fc.nat(), (size, a, b) => {
        const cell: Cell = { layer: a % size.layers, expert: b % size.experts };
        const made = new grid.HeatGrid(size);
        const { x, y, width, height } = made.box(cell);
        expect(made.cellAt(x + width / 2, y + height / 2)).toEqual(cell);
        expect(x + width).toBeLessThanOrEqual(size.width);
        expect(y + height).toBeLessThanOrEqual(made.height);
      }),
      { seed: 3, numRuns: 300 },
    );
  });

  it('is walked by the keys and never left', () => {
    const size = { layers: 6, experts: 96 };
    const walk = (from: Cell, ...keys: string[]) =>
      keys.reduce((cell, key) => grid.moved(cell, key, size) ?? cell, from);
    expect(walk({ layer: 0, expert: 0 }, 'ArrowUp', 'ArrowLeft')).toEqual({ layer: 0, expert: 0 });
    expect(walk({ layer: 0, expert: 0 }, 'ArrowDown', 'End', 'ArrowRight')).toEqual({ layer: 1, expert: 95 });
    expect(walk({ layer: 1, expert: 95 }, 'PageDown', 'Home')).toEqual({ layer: 5, expert: 0 });
    expect(grid.moved({ layer: 0, expert: 0 }, 'a', size)).toBeUndefined();
  });

  it('gets darker with every doubling, up to its end', () => {
    const shades = [0, 0.5, 1, 2, 4, 8, 100].map((ratio) => colours.shadeOf(ratio));
    expect(shades).toEqual([...shades].sort((a, b) => a - b));
    expect(new Set(shades).size).toBe(shades.length - 1);
    const palette = colours.palette(['#000000', '#ffffff', '#ff0000']);
    expect([palette[0], palette[shades.at(-1)!]]).toEqual(['rgb(0 0 0)', 'rgb(255 0 0)']);
  });
});

describe('events', () => {
  it('come out whole however the stream is cut, comments left out', async () => {
    const text = 'data: {"a":1}\n\n: keep-alive\n\ndata: x\ndata: y\n\ndata: [DONE]\n\n';
    for (let size = 1; size < text.length; size++) {
      async function* pieces() {
        for (let from = 0; from < text.length; from += size) yield text.slice(from, from + size);
      }
      const read: string[] = [];
      for await (const data of events.eventData(pieces())) read.push(data);
      expect(read).toEqual(['{"a":1}', 'x\ny', '[DONE]']);
    }
  });
});

describe('what is written', () => {
  it('has round tops, and lines that break where nothing is known', () => {
    expect([0, 0.03, 47, 61, 100, 101].map(scale.roundTop)).toEqual([1, 0.03, 50, 80, 100, 200]);
    expect(scale.pathOf([[0, 1], [1, 2], undefined, [3, 4], undefined, [5, 6], [6, 7]])).toBe(
      'M0 1L1 2M3 4h0.1M5 6L6 7',
    );
  });

  it('is short, with its unit', () => {
    expect([0.0042, 0.0421, 1.25, 130].map(format.duration)).toEqual([
      { value: '4.2', unit: 'ms' },
      { value: '42', unit: 'ms' },
      { value: '1.3', unit: 's' },
      { value: '130', unit: 's' },
    ]);
    expect([format.bytes(0), format.bytes(1536), format.bytes(2 ** 31)]).toEqual([
      '0 B',
      '1.5 KiB',
      '2.0 GiB',
    ]);
    expect([12_345, 1_234_567].map(format.count)).toEqual(['12,345', '1.23M']);
    expect([0, 0.042, 0.5].map(format.percent)).toEqual(['0 %', '4.2 %', '50 %']);
  });
});
