// Runs a turn of a coding agent and checks it: the agent must call the tool that the proxy forces, send its result back,
// and get no error.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Setting } from '../client.ts';
import { type Exchange, startForcingProxy } from '../forcing-proxy.ts';

/** Matches the result of a tool in a request of each API. */
const RESULT = /"role": ?"tool"|"type": ?"(function_call_output|custom_tool_call_output|tool_result)"/;

export interface AgentTurn {
  /**
   * The proxy forces the first of these tools that the agent offers. Their arguments are random, so only tools that
   * change nothing belong here.
   */
  tools: readonly string[];
  /** Runs the agent to its end. It must call `baseUrl`, which has no `/v1`. */
  turn(baseUrl: string): Promise<unknown>;
}

/** Runs a turn of an agent through the proxy. Returns a text that says what the agent did. */
export async function takeTurn({ baseUrl, record }: Setting, { tools, turn }: AgentTurn): Promise<string> {
  const proxy = await startForcingProxy({ target: baseUrl, tools });
  let failure: unknown;
  try {
    await turn(proxy.url);
  } catch (error) {
    failure = error;
  } finally {
    await proxy.close();
  }
  if (record !== undefined) {
    for (const exchange of proxy.exchanges) {
      await writeFile(join(record, `${randomUUID()}.json`), JSON.stringify(exchange));
    }
  }
  const refused = proxy.exchanges.find(({ status }) => status >= 400);
  assert.ok(refused === undefined, refused && refusal(refused));
  if (failure !== undefined) throw failure;
  return described(proxy.exchanges);
}

/** The answer of the gateway, and the request without its long texts. */
function refusal({ method, path, body, status, answer }: Exchange): string {
  const short = body.replace(/"((?:[^"\\]|\\.){60})(?:[^"\\]|\\.)*"/g, '"$1…"').slice(0, 3_000);
  return `${method} ${path} → ${status} ${answer.slice(0, 1_500)} ← ${short}`;
}

function described(exchanges: readonly Exchange[]): string {
  const first = exchanges.findIndex(({ forced }) => forced);
  assert.ok(first >= 0, `no request offered the tool: ${exchanges.map(({ path }) => path).join(', ')}`);
  const after = exchanges.slice(first + 1).find(({ body }) => RESULT.test(body));
  assert.ok(
    after !== undefined,
    `the tool's result was not sent back after ${exchanges[first]?.answer.slice(-600)}`,
  );
  const posts = exchanges.filter(({ method }) => method === 'POST').length;
  return `${exchanges[first]?.path.split('?')[0]}: a turn with a tool call and its result, ${posts} requests`;
}
