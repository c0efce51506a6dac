// Chat templates render as Jinja renders them in transformers, or are refused when they are loaded.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { strftime } from '../../../../gateway/api/text/jinja/strftime.ts';
import { compileTemplate, loadTemplates } from '../../../../gateway/api/text/template.ts';
import golden from '../../../golden/jinja.json' with { type: 'json' };

const tokens = { bos: '<s>', eos: '</s>' };
const clock = { now: () => new Date(2026, 2, 5, 7, 8, 9) };
const compile = (source: string) => compileTemplate(source, tokens, clock);
const render = (source: string, variables: Record<string, unknown> = {}) =>
  compile(source).render({ messages: [], variables, ending: 'none' });

describe('renders as Jinja does', () => {
  const { messages, tools, bos_token: _, ...variables } = golden.variables;
  const conversation = {
    messages: messages as Parameters<ReturnType<typeof compile>['render']>[0]['messages'],
    tools: tools as never,
    variables,
    ending: 'none' as const,
  };
  test.each(golden.cases)('$source', ({ source, text, raises }) => {
    const template = compile(source);
    if (raises === true) expect(() => template.render(conversation)).toThrow();
    else expect(template.render(conversation)).toBe(text);
  });
});

describe('is refused when it is loaded', () => {
  test.each([
    ['{{ messages | groupby("role") }}', "the filter 'groupby'"],
    ['{% filter truncate(3) %}abc{% endfilter %}', "the filter 'truncate'"],
    ['{{ messages | map("pprint") }}', "the filter 'pprint'"],
    ['{{ x is escaped }}', "the test 'escaped'"],
    ['{{ messages | selectattr("role", "sameas", "a") }}', "the test 'sameas'"],
    ["{{ '[]' | fromjson }}", "the filter 'fromjson'"],
    ['{% if true %}{% for a in [1] %}{{ a | fromjson }}{% endfor %}{% endif %}', "the filter 'fromjson'"],
    ["{% if true %}{{ 'a' | truncate(3) }}{% endif %}", "the filter 'truncate'"],
    ['{{ 1 is nosuchtest }}', "the test 'nosuchtest'"],
    ['{{ lipsum() }}', 'the function lipsum()'],
    ['{{ "a".encode() }}', 'the method .encode()'],
    ['{% for m in messages %}{{ loop.parent }}{% endfor %}', 'loop.parent'],
    ['{{ 1 < 2 < 3 }}', 'a chain of comparisons'],
    ['{{ a == b in c }}', 'a chain of comparisons'],
    ['{% set x | upper %}a{% endset %}', 'a {% set %} block with a filter'],
    ["{{ strftime_now('%d %-d') }}", "the time format '%d %-d'"],
    ["{{ strftime_now('%Q') }}", "the time format '%Q'"],
  ])('%s', (source, named) => {
    expect(() => compile(source)).toThrow(`the template uses ${named}, which is not supported here`);
  });

  test.each([
    '{% include "a" %}',
    '{% import "a" as b %}',
    '{% with x = 1 %}{% endwith %}',
    '{% for m in messages recursive %}{% endfor %}',
    '{% do x %}',
    '{{ x is divisibleby 3 }}',
    '{{ x is sameas(none) }}',
  ])('%s', (source) => {
    expect(() => compile(source)).toThrow();
  });

  test('even if no conversation reaches the unsupported feature', () => {
    expect(() => compile('{% if tools %}{{ tools | xmlattr }}{% endif %}')).toThrow("the filter 'xmlattr'");
  });
});

test('rendering throws an error that names an unsupported time format if the format is computed', () => {
  const template = compile('{{ strftime_now(format) }}');
  const written = (format: string) =>
    template.render({ messages: [], variables: { format }, ending: 'none' });
  expect(written('%e')).toBe(' 5');
  expect(() => written('%-d')).toThrow(
    'strftime_now: the directive %- is not supported. Supported are %a %A',
  );
});

// The expected texts are from Python's datetime.strftime in the C locale.
test.each([
  [[2024, 1, 1, 0, 5, 9], 'Mon Monday 1 01 Jan January 01 24 2024 00 12 AM 05 09 001 00 01 2024 1 01  1'],
  [[2023, 1, 1, 12, 0, 0], 'Sun Sunday 0 01 Jan January 01 23 2023 12 12 PM 00 00 001 01 00 2022 7 52  1'],
  [
    [2020, 12, 31, 23, 59, 59],
    'Thu Thursday 4 31 Dec December 12 20 2020 23 11 PM 59 59 366 52 52 2020 4 53 31',
  ],
  [[2027, 1, 3, 13, 1, 2], 'Sun Sunday 0 03 Jan January 01 27 2027 13 01 PM 01 02 003 01 00 2026 7 53  3'],
  [[2024, 2, 29, 1, 1, 1], 'Thu Thursday 4 29 Feb February 02 24 2024 01 01 AM 01 01 060 08 09 2024 4 09 29'],
] as const)('strftime writes %j as Python does', ([year, month, day, ...time], expected) => {
  const date = new Date(year, month - 1, day, ...time);
  expect(strftime(date, '%a %A %w %d %b %B %m %y %Y %H %I %p %M %S %j %U %W %G %u %V %e')).toBe(expected);
});

test('strftime writes combined directives, and nothing for the time zone', () => {
  const date = new Date(2026, 2, 5, 7, 8, 9, 12);
  expect(strftime(date, '%c|%x|%X|%D|%F|%R|%T|%r|%f|%z|%Z|%%|%n|%t|%h|%C')).toBe(
    'Thu Mar  5 07:08:09 2026|03/05/26|07:08:09|03/05/26|2026-03-05|07:08|07:08:09|07:08:09 AM|012000|||%|\n|\t|Mar|20',
  );
});

test('filters and methods take linear time for long texts of one character', () => {
  const text = `${' '.repeat(300_000)}x`;
  const variables = { text, digits: `${'1'.repeat(300_000)}x` };
  const source =
    '{{ (text ~ text).strip() | length }} {{ text.rstrip() | length }} {{ text.split() | length }} {{ digits | float }}';
  expect(render(source, variables)).toBe('300002 300001 1 0.0');
});

test('floats are written as Python writes them', () => {
  const values = { list: [1e-7, 0.1, 1.5e300, 123456789.5, -0.00001, 2.5e-10] };
  expect(render('{{ list }} {{ list | tojson }}', values)).toBe(
    '[1e-07, 0.1, 1.5e+300, 123456789.5, -1e-05, 2.5e-10] [1e-07, 0.1, 1.5e+300, 123456789.5, -1e-05, 2.5e-10]',
  );
});

describe('loadTemplates', () => {
  async function directory(files: Record<string, string>): Promise<string> {
    const dir = await mkdtemp(join(tmpdir(), 'templates-'));
    onTestFinished(() => rm(dir, { recursive: true }));
    await mkdir(join(dir, 'additional_chat_templates'));
    for (const [name, text] of Object.entries(files)) await writeFile(join(dir, name), text);
    return dir;
  }

  test('returns no template if the directory has none', async () => {
    expect((await loadTemplates(await directory({}), {}, tokens)).template).toBeUndefined();
  });

  test('throws an error with the file and the reason if a template uses an unsupported feature', async () => {
    const dir = await directory({ 'chat_template.jinja': '{{ messages | groupby("role") }}' });
    await expect(loadTemplates(dir, {}, tokens)).rejects.toThrow(
      "chat_template.jinja: the template uses the filter 'groupby', which is not supported here. Rewrite that part, or remove the template to serve no chat.",
    );
  });

  test.each(['additional_chat_templates/tool_use.jinja', 'chat_template.tool_use.jinja'])(
    'uses %s for conversations with tools',
    async (name) => {
      const dir = await directory({ 'chat_template.jinja': 'plain', [name]: 'tools {{ pad_token }}' });
      const { template, toolTemplate } = await loadTemplates(
        dir,
        {},
        { ...tokens, others: { pad_token: '<pad>' } },
      );
      expect(template?.render({ messages: [] })).toBe('plain');
      expect(toolTemplate?.render({ messages: [] })).toBe('tools <pad>');
    },
  );

  test('checks the template named "tool_use" too', async () => {
    const list = [
      { name: 'default', template: 'a' },
      { name: 'tool_use', template: '{{ tools | pprint }}' },
    ];
    await expect(loadTemplates(await directory({}), { chat_template: list }, tokens)).rejects.toThrow(
      "tokenizer_config.json: chat_template: the template uses the filter 'pprint'",
    );
  });
});
