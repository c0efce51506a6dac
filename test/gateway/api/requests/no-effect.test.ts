// Fields without effect: how a schema marks them, the header that names them, and their tables in docs/api.md.
import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { operations } from '../../../../gateway/api/endpoints/openapi/operations.ts';
import {
  fieldsWithoutEffect,
  NO_EFFECT,
  namesWithoutEffect,
  noEffect,
  noEffectHeaders,
} from '../../../../gateway/api/requests/fields/no-effect.ts';
import { JSON_TYPE, MODEL, openRoom } from '../harness.ts';

const cacheControl = noEffect(z.strictObject({ type: z.literal('ephemeral') }).nullish());
const text = z.strictObject({ type: z.literal('text'), text: z.string(), cache_control: cacheControl });
const image = z.strictObject({ type: z.literal('image'), detail: noEffect(z.string()).optional() });
const example = z.strictObject({
  store: noEffect(z.boolean().nullish()).describe('Nothing is stored.'),
  truncation: z.union([noEffect(z.literal('auto')), z.literal('disabled')]).nullish(),
  messages: z.array(
    z.strictObject({ content: z.union([z.string(), z.array(z.discriminatedUnion('type', [text, image]))]) }),
  ),
  labels: z.record(z.string(), z.strictObject({ hint: noEffect(z.string()) })).nullish(),
  tools: z
    .array(
      z.union([
        z.strictObject({ type: z.literal('function'), name: z.string() }),
        noEffect(z.strictObject({ type: z.literal('web_search') }), 'tools.web_search'),
      ]),
    )
    .nullish(),
});
const messages = [{ content: 'x' }];

describe('marked fields', () => {
  test.each<[string, object, string[]]>([
    ['are not named if the request has none', { messages }, []],
    ['are named if the request has them', { messages, store: false }, ['store']],
    ['are not named if they are null', { messages, store: null, truncation: null }, []],
    ['are named for a value without effect', { messages, truncation: 'auto' }, ['truncation']],
    ['are not named for other values of the field', { messages, truncation: 'disabled' }, []],
    [
      'are named once, without the index in a list',
      { messages: [{ content: [1, 2].map(() => ({ type: 'text', text: '', cache_control: {} })) }] },
      ['messages.content.cache_control'],
    ],
    [
      'are those of the branch of the union that fits the value',
      { messages: [{ content: [{ type: 'image', detail: 'low', cache_control: {} }] }] },
      ['messages.content.detail'],
    ],
    [
      'are named without the client’s own keys',
      { messages, labels: { mine: { hint: '' } } },
      ['labels.hint'],
    ],
    [
      'may have another name than their path',
      { messages, tools: [{ type: 'web_search' }] },
      ['tools.web_search'],
    ],
  ])('%s', (_, value, names) => {
    expect(fieldsWithoutEffect(example, value)).toEqual(names);
  });

  test('are all listed by namesWithoutEffect', () => {
    expect([...namesWithoutEffect(example)]).toEqual([
      'store',
      'truncation',
      'messages.content.cache_control',
      'messages.content.detail',
      'labels.hint',
      'tools.web_search',
    ]);
  });

  test('are left out if the header would exceed 1 KiB', () => {
    const names = Array.from({ length: 100 }, (_, i) => `a_field_with_a_name.${i}`);
    const value = noEffectHeaders(names)[NO_EFFECT] ?? '';
    expect(value.length).toBeLessThanOrEqual(1024);
    expect(names.join(', ').startsWith(value)).toBe(true);
    expect(noEffectHeaders([])).toEqual({});
  });
});

test('every field without effect has a row in docs/api.md, and every row has a field', async () => {
  const page = await readFile(new URL('../../../../docs/api.md', import.meta.url), 'utf8');
  const [, section = ''] = page.split('## Fields without effect\n');
  const [, ...tables] = section.split('\n## ')[0].split('\n### Of ');
  const told = tables.map((table) => {
    const [heading = '', ...lines] = table.split('\n');
    const rows = lines.flatMap((line) => {
      return line.startsWith('| `')
        ? [...(line.split(' | ')[0] ?? '').matchAll(/`([^`]+)`/g)].map(([, name]) => name)
        : [];
    });
    return { paths: [...heading.matchAll(/`([^`]+)`/g)].map(([, path]) => path), rows };
  });
  const taking = operations.flatMap(({ path, schema }) => (schema ? [path] : []));
  expect(new Set(told.flatMap(({ paths }) => paths))).toEqual(new Set(taking));
  const marked = new Map(
    operations.map(({ path, schema, noEffect: others = [] }) => {
      return [path, new Set([...namesWithoutEffect(schema?.zod ?? z.unknown()), ...others])];
    }),
  );
  for (const path of taking) {
    const rows = told.filter(({ paths }) => paths.includes(path)).flatMap((table) => table.rows);
    expect([path, [...(marked.get(path) ?? [])].filter((name) => !rows.includes(name))]).toEqual([path, []]);
  }
  for (const { paths, rows } of told) {
    const known = new Set(paths.flatMap((path) => [...(marked.get(path) ?? [])]));
    expect([paths, rows.filter((name) => !known.has(name))]).toEqual([paths, []]);
  }
});

const chat = { model: MODEL, messages: [{ role: 'user', content: 'hi' }] };
const asked = [
  ['/v1/chat/completions', chat],
  ['/v1/completions', { model: MODEL, prompt: 'hi' }],
  ['/v1/responses', { model: MODEL, input: 'hi' }],
] as const;

describe.each(asked)('%s', (path, body) => {
  test.each([false, true])('names the fields without effect in a header; stream: %s', async (stream) => {
    const { url } = await openRoom({ once: true, api: { corsOrigins: ['*'] } });
    const ask = async (more: object) => {
      const init = {
        method: 'POST',
        body: JSON.stringify({ ...body, ...more, stream }),
        headers: { ...JSON_TYPE, origin: 'http://a' },
      };
      const answer = await fetch(url + path, init);
      await answer.text();
      expect(answer.headers.get('access-control-expose-headers')).toContain(NO_EFFECT);
      return answer.headers.get(NO_EFFECT);
    };
    expect(await ask({ store: true, service_tier: 'auto' })).toBe('store, service_tier');
    expect(await ask({})).toBeNull();
  });
});
