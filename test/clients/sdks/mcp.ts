// Tries tools of an MCP server: they are offered as the official library lists them, called by the model and run by the server.
import assert from 'node:assert/strict';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import OpenAI from 'openai';
import { z } from 'zod';
import { allOf, type ModelName, type Setting } from '../client.ts';
import { question, ROOM } from '../weather.ts';

export const name = 'MCP tools';
export const packages = ['@modelcontextprotocol/sdk', 'openai'];
/** `long`, because all tools together do not fit into the context of nano. */
export const models: readonly ModelName[] = ['long'];

const place = z.object({
  city: z.enum(['Bonn', 'Rome']),
  zip: z
    .string()
    .regex(/^\d{5}$/)
    .optional(),
});

/** Arguments as servers declare them, but short enough for a model with random weights to complete. */
const shapes: Record<string, z.ZodRawShape> = {
  nothing: {},
  nested: { place, units: z.enum(['metric', 'imperial']).default('metric') },
  lists: { places: z.array(place).min(1).max(2), days: z.number().int().min(1).max(7) },
  choice: {
    when: z.union([
      z.object({ kind: z.literal('day') }),
      z.object({ kind: z.literal('hour'), hour: z.int() }),
    ]),
  },
  variants: {
    when: z.discriminatedUnion('kind', [
      z.object({ kind: z.literal('now') }),
      z.object({ kind: z.literal('on'), date: z.iso.date() }),
    ]),
  },
  optional: {
    city: z.enum(['Bonn', 'Rome']).nullable(),
    detail: z.boolean().optional().describe('More words.'),
  },
  formats: { id: z.uuid(), at: z.iso.datetime() },
  map: { flags: z.partialRecord(z.enum(['rain', 'wind']), z.boolean()) },
};

export async function run({ baseUrl, model, signal }: Setting): Promise<string> {
  const server = new McpServer({ name: 'weather', version: '1.0.0' });
  for (const [tool, inputSchema] of Object.entries(shapes)) {
    server.registerTool(tool, { description: `Tells of ${tool}.`, inputSchema }, () => ({
      content: [{ type: 'text' as const, text: `${tool} was called` }],
    }));
  }
  const [near, far] = InMemoryTransport.createLinkedPair();
  const mcp = new Client({ name: 'test', version: '1.0.0' });
  await Promise.all([server.connect(far), mcp.connect(near)]);
  const openai = new OpenAI({ baseURL: `${baseUrl}/v1`, apiKey: 'none', maxRetries: 0 });
  const listed = (await mcp.listTools()).tools;
  const tools = listed.map(({ name, description, inputSchema }) => ({
    type: 'function' as const,
    function: { name, description: description ?? '', parameters: inputSchema as Record<string, unknown> },
  }));
  try {
    await allOf(
      listed.map(
        ({ name: tool }) =>
          () =>
            callOf(tool),
      ),
    );
  } finally {
    await mcp.close();
    await server.close();
  }
  return `${listed.length} tools offered together, each called and run`;

  async function callOf(tool: string): Promise<string> {
    const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: 'user', content: question }];
    const forced = {
      tool_choice: { type: 'function' as const, function: { name: tool } },
      max_tokens: 2 * ROOM,
    };
    const asked = { model, tools, messages };
    try {
      const called = (await openai.chat.completions.create({ ...asked, ...forced }, { signal })).choices[0]
        ?.message;
      const [call] = called?.tool_calls ?? [];
      assert.ok(called !== undefined && call?.type === 'function');
      const given = JSON.parse(call.function.arguments) as Record<string, unknown>;
      const result = await mcp.callTool({ name: tool, arguments: given });
      assert.ok(!result.isError, `${call.function.arguments}: ${JSON.stringify(result.content)}`);
      const content = JSON.stringify(result.content);
      messages.push(called, { role: 'tool', tool_call_id: call.id, content });
      await openai.chat.completions.create({ ...asked, max_tokens: 8 }, { signal });
      return tool;
    } catch (error) {
      throw new Error(`${tool}: ${error instanceof Error ? error.message : error}`, { cause: error });
    }
  }
}
