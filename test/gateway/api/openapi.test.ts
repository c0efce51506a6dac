// The API's description against the API: every operation answers, every field is one that is checked.
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { messagesSchema, unsupportedMessagesFields } from '../../../gateway/api/anthropic/schema.ts';
import { operations } from '../../../gateway/api/openapi.ts';
import { responsesSchema, unsupportedResponsesFields } from '../../../gateway/api/responses/schema.ts';
import { chatSchema, completionSchema, unsupportedFields } from '../../../gateway/api/schema.ts';
import { JSON_TYPE, MODEL, openRoom } from './harness.ts';

interface Document {
  paths: Record<string, Record<string, object>>;
  components: { schemas: Record<string, { properties: Record<string, object>; required: string[] }> };
}

test('openapi.json names every field that the endpoints check, with its meaning', async () => {
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

test.each(operations.map((operation) => [operation.path, operation] as const))(
  '%s answers',
  async (_, operation) => {
    const { url } = await openRoom({ once: true });
    const { method, example, schema, type = 'application/json' } = operation;
    const path = operation.path.replace('{id}', MODEL);
    const body = JSON.stringify({ ...example, ...(schema && { model: MODEL }) });
    const response = await fetch(
      url + path,
      method === 'get' ? {} : { method: 'POST', headers: JSON_TYPE, body },
    );
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toContain(type);
  },
);

test.each(['/docs', '/v1/docs', '/docs/'])('%s is a page that loads nothing', async (path) => {
  const { url } = await openRoom();
  const response = await fetch(url + path);
  const page = await response.text();
  expect(response.headers.get('content-security-policy')).toContain("default-src 'none'");
  expect(page).not.toMatch(/<script|<link|<img|https?:\/\/(?!127\.0\.0\.1)/);
  for (const name of Object.keys(completionSchema.shape)) expect(page).toContain(`<code>${name}</code>`);
  expect(page).toContain('stream_options.include_usage');
});

test('docs/api.md names every field, honoured or refused', async () => {
  const page = await readFile(new URL('../../../docs/api.md', import.meta.url), 'utf8');
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
] as const)('docs/api.md names every field of %s, honoured or refused', async (path, schema, refused) => {
  const page = await readFile(new URL('../../../docs/api.md', import.meta.url), 'utf8');
  const [before = '', section = ''] = page.split(`## \`${path}\`\n`);
  // `model` and the fields that all endpoints have stand before it, or in the section of the other API.
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
});
