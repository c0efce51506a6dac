// The console's pure modules, which compute values before anything is drawn.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Metrics } from '../../gateway/api/telemetry/metrics.ts';
import {
  type Cell,
  type Conversation,
  colours,
  conversations,
  events,
  format,
  grid,
  missing,
  type PastAnswer,
  past,
  pieces,
  type Stretch,
  samples,
  scale,
} from './modules.ts';

const folder = join(import.meta.dirname, '..', '..', 'console');

describe('the page', () => {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    /\.(js|html|css)$/.test(name),
  );

  it.each(files)('%s imports nothing but own files, and loads nothing from elsewhere', (name) => {
    const text = readFileSync(join(folder, name), 'utf8');
    const imports = [...text.matchAll(/^import (?:[^;]*? from )?'([^']+)'/gm)].map(([, target]) => target!);
    const found = imports.map((target) => (target.startsWith('.') ? join(name, '..', target) : target));
    expect(found.filter((target) => !files.includes(target))).toEqual([]);
    const links = [...text.matchAll(/(?:src|href)="([^"#]+)"/g)].map(([, target]) => target!);
    const own = /^(console|docs)(\/|$)|^(openapi\.json|metrics)$/;
    expect(links.filter((target) => !own.test(target))).toEqual([]);
    expect(text.replaceAll('http://www.w3.org/2000/svg', '').replaceAll('https?', '')).not.toMatch(
      /https?:\/\/\w/,
    );
  });

  it('makes no element from HTML text', () => {
    for (const name of files)
      expect([name, readFileSync(join(folder, name), 'utf8')]).toEqual([
        name,
        expect.not.stringMatching(
          /innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function/,
        ),
      ]);
  });
});

describe('samples', () => {
  it('are read from the metrics that the gateway writes', async () => {
    const metrics = new Metrics();
    metrics.tokens(5, 7);
    const page = samples.parseSamples(await metrics.render([]));
    expect(samples.total(page, 'expertgrid_generated_tokens_total')).toBe(7);
    expect(samples.total(page, 'no_such_sample')).toBeUndefined();
  });

  it('have unescaped labels, and leave out comments and unwanted samples', () => {
    const page = '# HELP a b\na{x="1\\"2\\n"} 3\n\nnonsense\nb 4 1700000000\nc{} +Inf\n';
    expect([...samples.parseSamples(page, (name) => name !== 'c').values()].flat()).toEqual([
      { name: 'a', labels: { x: '1"2\n' }, value: 3 },
      { name: 'b', labels: {}, value: 4 },
    ]);
  });
});

describe('the history', () => {
  const stretch = (start: number, values: (number | null)[], step = 1) => ({
    step,
    start,
    series: { a: values },
  });
  const none = stretch(0, []);
  const answer = (started: number, seconds: Stretch, minutes = none): PastAnswer => ({
    started,
    seconds,
    minutes,
  });

  it('is extended by newer values, and asks the gateway only for newer values', () => {
    const kept = new past.Past();
    expect(kept.since).toBe(0);
    kept.add(answer(1, stretch(100, [1, 2, 3])));
    expect(kept.since).toBe(102);
    kept.add(answer(1, none));
    kept.add(answer(1, stretch(103, [4])));
    kept.add(answer(1, stretch(106, [7])));
    expect(kept.seconds).toEqual(stretch(100, [1, 2, 3, 4, null, null, 7]));
  });

  it('replaces values that are sent again, and drops values that are too old', () => {
    expect(past.joined(stretch(60, [1, 2], 60), stretch(120, [5, 6], 60), 10)).toEqual(
      stretch(60, [1, 5, 6], 60),
    );
    expect(past.joined(stretch(10, [1, 2]), stretch(12, [3, 4]), 3)).toEqual(stretch(11, [2, 3, 4]));
    expect(past.joined(stretch(10, [1, 2]), stretch(9_000, [3]), 3)).toEqual(stretch(9_000, [3]));
  });

  it('begins anew if the gateway has restarted', () => {
    const kept = new past.Past();
    kept.add(answer(1, stretch(100, [1, 2, 3])));
    kept.add(answer(2, stretch(103, [9])));
    expect(kept.seconds).toEqual(stretch(103, [9]));
  });
});

describe('the warning about missing experts', () => {
  it('counts the layers of each model separately', () => {
    const layers = [0, 1, 2].map((layer) => ({ layer, experts: '0-3' }));
    expect(missing.missingText(layers).headline).toBe('3 layers have experts that no shard serves');
    expect(missing.missingText(layers.slice(0, 1)).headline).toBe('1 layer has experts that no shard serves');
    const two = ['big', 'small'].flatMap((model) => layers.map((each) => ({ model, ...each })));
    const { headline, items } = missing.missingText([...two, { model: 'small', layer: 3, experts: '7' }]);
    expect(headline).toBe('3 layers of big and 4 layers of small have experts that no shard serves');
    expect(items.slice(2)).toEqual([
      'big, layer 2: 0-3',
      'small, layer 0: 0-3',
      'small, layer 1: 0-3',
      'small, layer 2: 0-3',
      'and 1 more layer',
    ]);
  });
});

describe('saved conversations', () => {
  const conversation = (id: string, content = 'x'): Conversation => ({
    ...{ id, title: id, at: 1, model: 'nano' },
    messages: [{ role: 'user', content }],
  });

  it('are listed once each, newest first, and the oldest are dropped above the limit', () => {
    const { MOST_CONVERSATIONS: most, MOST_CHARACTERS: characters } = conversations;
    let list: Conversation[] = [];
    for (let i = 0; i < most + 5; i++) list = conversations.withConversation(list, conversation(`${i}`));
    list = conversations.withConversation(list, conversation('50'));
    expect(list.slice(0, 2).map(({ id }) => id)).toEqual(['50', `${most + 4}`]);
    expect(list.length).toBe(most);
    list = conversations.withConversation(list, conversation('long', 'x'.repeat(characters)));
    expect(list.map(({ id }) => id)).toEqual(['long']);
    expect(conversations.withoutConversation(list, 'long')).toEqual([]);
  });

  it('have the first words of the prompt as their title, and invalid ones are left out', () => {
    expect(
      conversations.titleOf([
        { role: 'system', content: 's' },
        { role: 'user', content: ' a\n b ' },
      ]),
    ).toBe('a b');
    expect(conversations.titleOf([{ role: 'user', content: 'word '.repeat(50) }])).toHaveLength(60);
    const kept = conversation('a');
    const broken = [
      null,
      3,
      {},
      { ...kept, messages: [{ role: 'root', content: 'x' }] },
      { ...kept, at: 'noon' },
    ];
    expect(conversations.conversationsOf([kept, ...broken])).toEqual([kept]);
    expect(conversations.conversationsOf('x')).toEqual([]);
  });
});

describe('pieces of an answer', () => {
  it('are found for any range of the text', () => {
    const texts = fc.array(fc.tuple(fc.string({ maxLength: 4 }), fc.nat(2)), { maxLength: 20 });
    fc.assert(
      fc.property(texts, fc.nat(40), fc.nat(40), (all, a, b) => {
        const made = new pieces.Pieces();
        for (const [text, routes] of all)
          made.add(
            text,
            Array.from({ length: routes }, () => [[0]]),
          );
        const [from, to] = [Math.min(a, b, made.text.length), Math.min(Math.max(a, b), made.text.length)];
        const found = made.within(from, to);
        expect(found.map((each) => made.text.slice(each.from, each.to)).join('')).toBe(
          made.text.slice(from, to),
        );
        made.tokens.forEach((_, token) => {
          expect(made.tokenOf(made.pieceOf(token)!)).toBeGreaterThanOrEqual(token);
        });
      }),
      { seed: 2, numRuns: 200 },
    );
  });
});

describe('the heat map', () => {
  it('finds each cell at the middle of its box, at any size and density', () => {
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

  it('moves the cursor by keys, and never outside the map', () => {
    const size = { layers: 6, experts: 96 };
    const walk = (from: Cell, ...keys: string[]) =>
      keys.reduce((cell, key) => grid.moved(cell, key, size) ?? cell, from);
    expect(walk({ layer: 0, expert: 0 }, 'ArrowUp', 'ArrowLeft')).toEqual({ layer: 0, expert: 0 });
    expect(walk({ layer: 0, expert: 0 }, 'ArrowDown', 'End', 'ArrowRight')).toEqual({ layer: 1, expert: 95 });
    expect(walk({ layer: 1, expert: 95 }, 'PageDown', 'Home')).toEqual({ layer: 5, expert: 0 });
    expect(grid.moved({ layer: 0, expert: 0 }, 'a', size)).toBeUndefined();
  });

  it('has another shade for every doubling of the heat, up to the end of the scale', () => {
    const shades = [0, 0.5, 1, 2, 4, 8, 100].map((ratio) => colours.shadeOf(ratio));
    expect(shades).toEqual([...shades].sort((a, b) => a - b));
    expect(new Set(shades).size).toBe(shades.length - 1);
    const palette = colours.palette(['#000000', '#ffffff', '#ff0000']);
    expect([palette[0], palette[shades.at(-1)!]]).toEqual(['rgb(0 0 0)', 'rgb(255 0 0)']);
  });
});

describe('events', () => {
  it('are complete wherever the stream is cut, and leave out comments', async () => {
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

describe('the display of values', () => {
  it('rounds the top of an axis up, and leaves gaps in a line for missing values', () => {
    expect([0, 0.03, 47, 61, 100, 101].map(scale.roundTop)).toEqual([1, 0.03, 50, 80, 100, 200]);
    expect(scale.pathOf([[0, 1], [1, 2], undefined, [3, 4], undefined, [5, 6], [6, 7]])).toBe(
      'M0 1L1 2M3 4h0.1M5 6L6 7',
    );
  });

  it('writes numbers short and with their unit', () => {
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
    expect([5.9, 75, 3_700, 90_000].map(format.span)).toEqual(['5 s', '1 min 15 s', '1 h 1 min', '1 d 1 h']);
    expect([0, 0.042, 0.5].map(format.percent)).toEqual(['0 %', '4.2 %', '50 %']);
  });
});
