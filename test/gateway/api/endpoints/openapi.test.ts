// The API's description compared with the API: every operation answers, and every field is described.
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { messagesSchema, unsupportedMessagesFields } from '../../../../gateway/api/anthropic/schema.ts';
import { openApiDocument } from '../../../../gateway/api/endpoints/openapi/document.ts';
import { operations } from '../../../../gateway/api/endpoints/openapi/operations.ts';
import {
  chatSchema,
  completionSchema,
  unsupportedFields,
} from '../../../../gateway/api/requests/fields/schema.ts';
import { responsesSchema, unsupportedResponsesFields } from '../../../../gateway/api/responses/schema.ts';
import { TOOL_TEMPLATE } from '../../../support/models/chat-templates.ts';
import { JSON_TYPE, MODEL, openRoom } from '../harness.ts';

interface Document {
  paths: Record<string, Record<string, object>>;
  components: { schemas: Record<string, { properties: Record<string, object>; required: string[] }> };
}

test('openapi.json describes every field that the endpoints check', async () => {
  const { url } = await openRoom();
  const { paths, components } = (await (await fetch(`${url}/openapi.json`)).json()) as Document;
  expect(Object.keys(paths)).toEqual(operations.map(({ path }) => path));
  for (const { schema, path } of operations) {
    if (schema === undefined) continue;
    if (!(schema.zod instanceof z.ZodObject)) throw new Error(`${path} takes no object`);
    expect(Object.keys(components.schemas[schema.name]?.properties ?? {})).toEqual(
      Object.keys(schema.zod.shape),
    );
  }
  const { CompletionRequest, ChatRequest } = components.schemas;
  expect(CompletionRequest.properties.n).toMatchObject({ description: expect.stringContaining('share') });
  expect(ChatRequest.required).toEqual(['messages']);
});

test.each(
  operations
    .filter(({ method }) => method === 'get')
    .map((operation) => [operation.path, operation] as const),
)('GET %s answers 200 with the described media type', async (_, { path, type = 'application/json' }) => {
  const { url } = await openRoom({ once: true });
  const response = await fetch(url + path.replace('{id}', MODEL));
  expect([response.status, response.headers.get('content-type')]).toEqual([
    200,
    expect.stringContaining(type),
  ]);
});

test.each(
  operations.flatMap(({ path, examples = {} }) =>
    Object.entries(examples).map(([name, body]) => [path, name, body] as const),
  ),
)('POST %s answers 200 to the example "%s"', async (path, _, body) => {
  if (!('model' in body)) return expect(path).toBe('/v1/shards/drain'); // drain.test.ts
  const { url } = await openRoom({ once: true, chat: TOOL_TEMPLATE });
  const sent = JSON.stringify({ ...body, model: MODEL });
  const response = await fetch(url + path, { method: 'POST', headers: JSON_TYPE, body: sent });
  expect([response.status, await response.text()]).toEqual([200, expect.any(String)]);
});

test('every example of an answer matches its schema', () => {
  for (const { path, answer } of operations) {
    if (answer !== undefined)
      expect([path, answer.zod.safeParse(answer.example).error]).toEqual([path, undefined]);
  }
});

test('every operation has a tag and states whether it needs a key', () => {
  const { tags, paths } = openApiDocument() as {
    tags: { name: string }[];
    paths: Record<string, Record<string, { tags: string[]; security?: object[]; summary: string }>>;
  };
  const known = tags.map(({ name }) => name);
  const described = Object.values(paths).flatMap((path) => Object.values(path));
  expect(new Set(described.flatMap((each) => each.tags))).toEqual(new Set(known));
  expect(paths['/health']?.get?.security).toEqual([]);
  expect(paths['/v1/shards']?.get?.security).toBeUndefined();
});

test('docs/api.md lists every supported and every refused field', async () => {
  const page = await readFile(new URL('../../../../docs/api.md', import.meta.url), 'utf8');
  const [honoured = '', refused = ''] = page.split('## Refused by name');
  const known = [...Object.keys(completionSchema.shape), ...Object.keys(chatSchema.shape)];
  const groups = new Set(['stream_options', 'expertgrid']);
  for (const name of known) if (!groups.has(name)) expect(honoured).toContain(`\`${name}\``);
  for (const name of Object.keys(unsupportedFields)) expect(refused).toContain(`\`${name}\``);
  for (const { path } of operations) expect(honoured).toContain(path);
});

test.each([
  ['/v1/responses', responsesSchema, unsupportedResponsesFields],
  ['/v1/messages', messagesSchema, unsupportedMessagesFields],
] as const)(
  'docs/api.md lists every supported and every refused field of %s',
  async (path, schema, refused) => {
    const page = await readFile(new URL('../../../../docs/api.md', import.meta.url), 'utf8');
    const [before = '', section = ''] = page.split(`## \`${path}\`\n`);
    // Fields of several endpoints are described before the path's section, and fields without effect in tables after it.
    const [, ...tables] = page.split('\n### Of ');
    const withoutEffect = tables.filter((table) => table.split('\n')[0]?.includes(`\`${path}\``));
    const own = [
      before,
      section.split('\n## ')[0],
      ...withoutEffect.map((table) => table.split('\n## ')[0]),
    ].join();
    for (const name of Object.keys(schema.shape)) {
      expect(own).toMatch(new RegExp(`\`${name}[\`.]`));
    }
    for (const name of Object.keys(refused)) expect(section).toContain(`\`${name}\``);
  },
);
