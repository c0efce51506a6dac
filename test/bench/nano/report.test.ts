// Logs of training runs become tables and plots.
import { describe, expect, it } from 'vitest';
import { heatMapSvg } from '../../../bench/drawing/heat-map.ts';
import { callsByKind, kindOf, topExperts } from '../../../bench/nano/kinds.ts';
import { joinPieces, parseRun } from '../../../bench/nano/lines.ts';
import { curves, loadPlot } from '../../../bench/nano/plots.ts';
import {
  elasticTable,
  kindsTable,
  runsTable,
  scoresTable,
  table,
  withBlock,
} from '../../../bench/nano/tables.ts';

const log = [
  { step: 25, tokens: 1e6, seconds: 10, loss: 3 },
  { step: 25, tokens: 1e6, seconds: 10, held: { story: 2, world: 2, prose: 4 } },
  { step: 50, tokens: 2e6, seconds: 21, held: { story: 1, world: 1, prose: 3 } },
  {
    tokens: 2e6,
    active: [1, 1],
    final: { story: 1.1, world: 1.25, prose: 3 },
    ...{ hottest: [3.5, 2.25], coldest: [0.5, 0], dead: [0, 3] },
  },
  {
    ...{ tokens: 2e6, active: [1, 1], words: 'trained', final: { story: 1, world: 1.1, prose: 3 } },
    ...{ hottest: [1.5, 2.25], coldest: [0.5, 0], dead: [0, 3] },
  },
];
const text = `${log.map((line) => JSON.stringify(line)).join('\n')}\n`;
const run = parseRun('top1', text);
const reading = { run, what: 'it' };

describe('a log', () => {
  it('has looks, finals, and the length of the run', () => {
    expect([run.looks.length, run.finals.length, run.tokens, run.seconds]).toEqual([2, 2, 2e6, 21]);
  });

  it('of two pieces goes on counting tokens', () => {
    const { tokens, seconds, looks, finals } = joinPieces('nano', [run, run]);
    expect([tokens, seconds]).toEqual([4e6, 42]);
    expect(looks.map((look) => look.tokens)).toEqual([1e6, 2e6, 3e6, 4e6]);
    expect(finals.at(-1)?.tokens).toBe(4e6);
  });

  it.each([
    ['{', 'x.jsonl:1 is not JSON'],
    ['{"loss": 1}', 'x.jsonl:1 has no field tokens'],
  ])('%s is refused', (line, message) => {
    expect(() => parseRun('x', line)).toThrow(message);
  });
});

describe('tables', () => {
  it('of runs have the worst layers and all dead experts', () => {
    expect(runsTable([reading]).split('\n').at(-1)).toBe(
      '| it | `top1` | 2.0 | 1 | 1.100 | 1.250 | 3.000 | 2.25 | 0.00 | 3 | 3.50 |',
    );
  });

  it('of kinds have a column for each run', () => {
    expect(kindsTable([reading]).split('\n')).toContain('| story | 1.100 |');
  });

  const with2 = { ...run.finals[1]!, active: [2, 2], final: { ...run.finals[1]!.final, world: 1.05 } };
  const both = { ...run, finals: [...run.finals, with2, { ...with2, words: 'held' as const }] };

  it('of runs show a model with the experts with which it is read', () => {
    expect(runsTable([{ run: both, what: 'it' }])).toBe(runsTable([reading]));
    const more = { ...with2, active: [2, 1], final: { ...with2.final, world: 1.15 } };
    const three = { ...both, finals: [...both.finals, more, { ...more, words: 'held' as const }] };
    const row = (experts: number | number[]) => runsTable([{ run: three, what: 'it', experts }]).split('\n').at(-1); // biome-ignore format: short
    expect(row([2, 1])).toBe('| it | `top1` | 2.0 | 2,1 | 1.150 | 1.150 | 3.000 | 2.25 | 0.00 | 3 | 2.25 |');
    expect(row(2)).toBe('| it | `top1` | 2.0 | 2 | 1.050 | 1.050 | 3.000 | 2.25 | 0.00 | 3 | 2.25 |');
    expect(() => row([1, 2])).toThrow('--name top1 --log --active 1,2');
  });

  it('of numbers of experts have quality and speed, and name the figures that are missing', () => {
    const points = [1, 2].map((experts) => ({ experts, right: 0.8, tokensPerSecond: 300 / experts }));
    expect(
      elasticTable([{ run: both, points }])
        .split('\n')
        .slice(2),
    ).toEqual([
      '| `top1` | 1 | 1.100 | 1.250 | 80.0 % | 300 | 1.00 |',
      '| `top1` | 2 | 1.050 | 1.050 | 80.0 % | 150 | 0.50 |',
    ]);
    expect(() => elasticTable([{ run, points }])).toThrow('--name top1 --log --active 2');
  });

  it('of scores have a column for each precision', () => {
    const scores = [16, 8].map((bits) => ({ bits, fresh: bits < 9, kinds: { sums: bits / 16 }, right: 0.5 }));
    expect(scoresTable(scores).split('\n')).toEqual([
      '| tasks | 16 bits | 8 bits, fresh tasks |',
      '| --- | ---: | ---: |',
      '| sums | 100.0 % | 50.0 % |',
      '| all 200 | 50.0 % | 50.0 % |',
    ]);
  });

  it('name the command that is missing if a log has no final figures', () => {
    const unfinished = parseRun('lbl', text.split('\n')[0]!);
    expect(() => kindsTable([{ run: unfinished, what: 'it' }])).toThrow('evaluate.py $W --name lbl --log');
  });

  it('replace a named part of a document', () => {
    const doc = 'a\n<!-- x -->\n\nold\n\n<!-- end of x -->\nb\n';
    expect(withBlock(doc, 'x', table(['h'], [[1]]))).toBe(
      'a\n<!-- x -->\n\n| h |\n| --- |\n| 1 |\n\n<!-- end of x -->\nb\n',
    );
    expect(() => withBlock(doc, 'y', '')).toThrow('no lines <!-- y -->');
  });
});

describe('plots', () => {
  it('show bits per byte over tokens, and the load by layer', () => {
    expect(curves([reading]).series).toEqual([
      {
        name: 'top1',
        points: [
          [1, 2],
          [2, 1],
        ],
      },
    ]);
    expect(loadPlot([reading], 'coldest').series[0]?.points).toEqual([
      [0, 0.5],
      [1, 0],
    ]);
  });

  it('show experts by the kind of text that calls them most', () => {
    const svg = heatMapSvg({ title: 't', kinds: ['a', 'b'], calls: [[0, 6], [4, 4]] }); // biome-ignore format: a matrix
    const opacities = [...svg.matchAll(/opacity="([\d.]+)"/g)].map(([, opacity]) => Number(opacity));
    // Expert 1 belongs to kind a with twice the uniform share, expert 0 to kind b.
    expect(opacities).toEqual([0.25, 0, 0.13, 0.13]);
    expect(() => heatMapSvg({ title: 't', kinds: ['a'], calls: [[0, 0]] })).toThrow('no calls');
  });
});

describe('calls by kind', () => {
  it('are what a kind adds to the heat', () => {
    expect(callsByKind([[1, 2]], [[4, 2]])).toEqual([[3, 0]]);
    expect(topExperts([1, 3, 0], 2)).toEqual([
      { expert: 1, share: 0.75 },
      { expert: 0, share: 0.25 },
    ]);
    expect(kindOf('about')).toBe('stories');
    expect(() => kindOf('poem')).toThrow('no such kind of text: poem');
  });
});
