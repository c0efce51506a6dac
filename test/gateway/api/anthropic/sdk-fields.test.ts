// Every field in the types of Anthropic's SDK, at every depth, is honoured, has no effect, or is a 400 that names it. If a newer
// SDK adds a field, these tables lack it and no longer compile.
import type * as sdk from '@anthropic-ai/sdk/resources/beta/messages';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NO_EFFECT } from '../../../../gateway/api/requests/fields/no-effect.ts';
import { TOOL_TEMPLATE } from '../../../support/models/chat-templates.ts';
import { JSON_TYPE, MODEL, type Room, startRoom } from '../harness.ts';
import { error, message } from './shapes.ts';

/** `taken`: the field is honoured. `refused`: it is a 400. `-name`: it has no effect, and the header names it `name`. */
type Verdict = 'taken' | 'refused' | `-${string}`;
type Rows<Key extends PropertyKey> = Record<Key, [value: unknown, verdict: Verdict]>;

let room: Room;
beforeAll(async () => {
  room = await startRoom({ once: true, context: 4_000, chat: TOOL_TEMPLATE });
});
afterAll(() => room.server.close(0));

const user = { role: 'user', content: 'hello' };
const mark = { type: 'ephemeral', ttl: '1h' };
const plain = { type: 'text', text: 'hello' };

async function check(fields: object, verdict: Verdict, place: string): Promise<void> {
  const body = JSON.stringify({ model: MODEL, max_tokens: 50, messages: [user], ...fields });
  const answer = await fetch(`${room.url}/v1/messages`, { method: 'POST', headers: JSON_TYPE, body });
  const told: unknown = await answer.json();
  if (verdict === 'refused') {
    const words = expect.stringContaining(`'${place}`);
    expect([answer.status, error.parse(told).error.message]).toEqual([400, words]);
    return;
  }
  expect([answer.status, told]).toEqual([200, expect.anything()]);
  message.parse(told);
  const names = answer.headers.get(NO_EFFECT)?.split(', ') ?? [];
  expect(names).toEqual(verdict === 'taken' ? [] : [verdict.slice(1)]);
}

/** Checks each row of a table. `wrap` makes a request that contains the row. `place` is the path that the error must name. */
function checkAll<Key extends string>(
  what: string,
  table: Rows<Key>,
  wrap: (key: string, value: unknown) => object,
  place: (key: string) => string,
): void {
  test.each(Object.entries<Rows<Key>[Key]>(table))(`${what}: %s`, async (key, [value, verdict]) => {
    await check(wrap(key, value), verdict, place(key));
  });
}

type Params = Omit<sdk.MessageCreateParamsNonStreaming, 'model'>;
const params: Rows<keyof Params> = {
  max_tokens: [9, 'taken'],
  messages: [[user], 'taken'],
  system: ['Be brief.', 'taken'],
  stop_sequences: [['x'], 'taken'],
  stream: [false, 'taken'],
  tools: [[{ name: 'f', input_schema: { type: 'object' } }], 'taken'],
  tool_choice: [{ type: 'auto', disable_parallel_tool_use: true }, 'taken'],
  metadata: [{ user_id: 'u' }, 'taken'],
  output_format: [{ type: 'json_schema', schema: { type: 'object' } }, 'taken'],
  diagnostics: [{ previous_message_id: null }, 'taken'],
  output_config: [{}, 'taken'],
  thinking: [{ type: 'enabled', budget_tokens: 5 }, '-thinking'],
  cache_control: [mark, '-cache_control'],
  context_management: [{ edits: [] }, '-context_management'],
  inference_geo: ['eu', '-inference_geo'],
  service_tier: ['auto', '-service_tier'],
  speed: ['fast', '-speed'],
  betas: [['b'], '-betas'],
  billing_policy: [{ type: 'billing_policy', bill_to: 'self' }, '-billing_policy'],
  fallbacks: [[{ model: 'm' }], '-fallbacks'],
  fallback_credit_token: [{ token: 't' }, '-fallback_credit_token'],
  user_profile_id: ['u', '-user_profile_id'],
  workspace_id: ['w', '-workspace_id'],
  compaction: [{ type: 'summarize' }, 'refused'],
  container: ['c', 'refused'],
  mcp_servers: [[{ type: 'url', name: 'm', url: 'http://m' }], 'refused'],
  thread: [{ type: 'create' }, 'refused'],
};
const whole = (key: string, value: unknown) => ({ [key]: value });
checkAll('a request', params, whole, (key) => key);

const tool = { name: 'f', input_schema: { type: 'object' } };
const tools: Rows<keyof sdk.BetaTool> = {
  name: ['g', 'taken'],
  input_schema: [{ type: 'object' }, 'taken'],
  description: ['d', 'taken'],
  strict: [true, 'taken'],
  type: ['custom', 'taken'],
  allowed_callers: [['direct', 'code_execution_20260120'], '-tools.allowed_callers'],
  cache_control: [mark, '-cache_control'],
  defer_loading: [true, '-tools.defer_loading'],
  eager_input_streaming: [true, '-tools.eager_input_streaming'],
  input_examples: [[{}], '-tools.input_examples'],
};
checkAll(
  'a tool',
  tools,
  (key, value) => ({ tools: [{ ...tool, [key]: value }] }),
  (key) => `tools[0].${key}`,
);

type DefinedType = Exclude<NonNullable<sdk.BetaToolUnion['type']>, 'custom'>;
const defined: Record<DefinedType, Verdict> = {
  bash_20241022: '-tools.bash',
  bash_20250124: '-tools.bash',
  browser_toolset_20260801: '-tools.browser_toolset',
  code_execution_20250522: '-tools.code_execution',
  code_execution_20250825: '-tools.code_execution',
  code_execution_20260120: '-tools.code_execution',
  code_execution_20260521: '-tools.code_execution',
  computer_20241022: '-tools.computer',
  computer_20250124: '-tools.computer',
  computer_20251124: '-tools.computer',
  computer_toolset_20260801: '-tools.computer_toolset',
  memory_20250818: '-tools.memory',
  text_editor_20241022: '-tools.text_editor',
  text_editor_20250124: '-tools.text_editor',
  text_editor_20250429: '-tools.text_editor',
  text_editor_20250728: '-tools.text_editor',
  tool_search_tool_bm25: '-tools.tool_search_tool_bm25',
  tool_search_tool_bm25_20251119: '-tools.tool_search_tool_bm25',
  tool_search_tool_regex: '-tools.tool_search_tool_regex',
  tool_search_tool_regex_20251119: '-tools.tool_search_tool_regex',
  web_fetch_20250910: '-tools.web_fetch',
  web_fetch_20260209: '-tools.web_fetch',
  web_fetch_20260309: '-tools.web_fetch',
  web_fetch_20260318: '-tools.web_fetch',
  web_search_20250305: '-tools.web_search',
  web_search_20260209: '-tools.web_search',
  web_search_20260318: '-tools.web_search',
  advisor_20260301: '-tools.advisor',
  mcp_toolset: 'refused',
};
test.each(Object.entries(defined))(
  'a tool of the type %s is treated as the table says',
  async (type, verdict) => {
    const fields = { cache_control: mark, allowed_callers: ['code_execution_20260120'], max_uses: 3 };
    await check({ tools: [{ type, name: 'n', ...fields }] }, verdict, 'tools[0]');
  },
);

const text: Rows<keyof sdk.BetaTextBlockParam> = {
  type: ['text', 'taken'],
  text: ['', 'taken'],
  cache_control: [mark, '-cache_control'],
  citations: [[{ type: 'char_location', cited_text: 'x' }], '-citations'],
};
const inUser = (...content: unknown[]) => ({ messages: [{ role: 'user', content }] });
checkAll(
  'a text',
  text,
  (key, value) => inUser({ ...plain, [key]: value }),
  (key) => `messages[0].content[0].${key}`,
);
checkAll(
  'a text of the system prompt',
  text,
  (key, value) => ({ system: [{ ...plain, [key]: value }] }),
  (key) => `system[0].${key}`,
);

const call = { type: 'tool_use', id: 'a', name: 'f', input: {} };
const answering = (block: object, made: object = call) => ({
  messages: [user, { role: 'assistant', content: [made] }, { role: 'user', content: [block] }],
});
const result = { type: 'tool_result', tool_use_id: 'a' };
const results: Rows<keyof sdk.BetaToolResultBlockParam> = {
  type: ['tool_result', 'taken'],
  tool_use_id: ['a', 'taken'],
  content: ['x', 'taken'],
  is_error: [true, 'taken'],
  cache_control: [mark, '-cache_control'],
  toolset_name: ['t', '-toolset_name'],
};
checkAll(
  'a result',
  results,
  (key, value) => answering({ ...result, [key]: value }),
  (key) => `messages[2].content[0].${key}`,
);

const calls: Rows<keyof sdk.BetaToolUseBlockParam> = {
  type: ['tool_use', 'taken'],
  id: ['a', 'taken'],
  name: ['g', 'taken'],
  input: [{ a: 1 }, 'taken'],
  cache_control: [mark, '-cache_control'],
  caller: [{ type: 'code_execution_20260120', tool_id: 'x' }, '-caller'],
  toolset_name: ['t', '-toolset_name'],
};
checkAll(
  'a call',
  calls,
  (key, value) => answering(result, { ...call, [key]: value }),
  (key) => `messages[1].content[0].${key}`,
);

const source = { type: 'text', media_type: 'text/plain', data: 'x' };
const documents: Rows<keyof sdk.BetaRequestDocumentBlock> = {
  type: ['document', 'taken'],
  source: [{ type: 'url', url: 'http://d' }, 'refused'],
  title: ['t', 'taken'],
  context: ['c', 'taken'],
  cache_control: [mark, '-cache_control'],
  citations: [{ enabled: false }, '-citations'],
};
checkAll(
  'a document',
  documents,
  (key, value) => inUser({ type: 'document', source, [key]: value }),
  (key) => `messages[0].content[0].${key}`,
);

const found = { type: 'search_result', source: 's', title: 't', content: [plain] };
const searches: Rows<keyof sdk.BetaSearchResultBlockParam> = {
  type: ['search_result', 'taken'],
  source: ['s', 'taken'],
  title: ['t', 'taken'],
  content: [[plain], 'taken'],
  cache_control: [mark, '-cache_control'],
  citations: [{ enabled: true }, 'refused'],
};
checkAll(
  'a result of a search',
  searches,
  (key, value) => inUser({ ...found, [key]: value }),
  (key) => `messages[0].content[0].${key}`,
);

/** Blocks in the form in which Anthropic's answers contain them. */
const server = { id: 'a', tool_use_id: 'a', name: 'web_search', input: {}, content: [] };
const blocks: Record<
  sdk.BetaContentBlockParam['type'],
  [role: 'user' | 'assistant', block: object, verdict: Verdict]
> = {
  text: ['assistant', plain, 'taken'],
  thinking: ['assistant', { thinking: 'hm', signature: 's' }, 'taken'],
  redacted_thinking: ['assistant', { data: 'x' }, '-redacted_thinking'],
  tool_use: ['assistant', call, 'taken'],
  server_tool_use: ['assistant', { id: 'a', name: 'web_search', input: {} }, 'taken'],
  mcp_tool_use: ['assistant', { id: 'a', name: 'm', input: {}, server_name: 's' }, 'taken'],
  web_search_tool_result: ['assistant', server, 'taken'],
  web_fetch_tool_result: ['assistant', server, 'taken'],
  code_execution_tool_result: ['assistant', server, 'taken'],
  bash_code_execution_tool_result: ['assistant', server, 'taken'],
  text_editor_code_execution_tool_result: ['assistant', server, 'taken'],
  tool_search_tool_result: ['assistant', server, 'taken'],
  advisor_tool_result: ['assistant', server, 'taken'],
  mcp_tool_result: ['assistant', server, 'taken'],
  compaction: ['assistant', { content: 'We met.', encrypted_content: 'x', cache_control: mark }, 'taken'],
  fallback: ['assistant', { from: { model: 'a' }, to: { model: 'b' }, trigger: null }, '-fallback'],
  mcp_tool_listing: ['assistant', { mcp_server_name: 'm', tools: [] }, 'refused'],
  tool_result: ['user', result, 'taken'],
  document: ['user', { source }, 'taken'],
  search_result: ['user', found, 'taken'],
  image: ['user', { source: { type: 'base64', media_type: 'image/png', data: '' } }, 'refused'],
  container_upload: ['user', { file_id: 'f' }, 'refused'],
  tool_addition: ['user', { tool: { type: 'tool_reference', name: 'f' } }, 'refused'],
  tool_removal: ['user', { tool: { type: 'tool_reference', name: 'f' } }, 'refused'],
};
test.each(Object.entries(blocks))(
  'a block of the type %s is treated as the table says',
  async (type, [role, block, verdict]) => {
    const made = { role: 'assistant', content: [call] };
    const sent = { role, content: [{ ...block, type }] };
    await check({ messages: [user, made, sent, user] }, verdict, 'messages[2].content[0].type');
  },
);

type ResultType = Exclude<NonNullable<sdk.BetaToolResultBlockParam['content']>, string>[number]['type'];
const within: Record<ResultType, [block: object, verdict: Verdict]> = {
  text: [plain, 'taken'],
  document: [{ source }, 'taken'],
  search_result: [found, 'taken'],
  tool_reference: [{ tool_name: 'f', cache_control: mark }, '-cache_control'],
  image: [{ source: { type: 'file', file_id: 'f' } }, 'refused'],
  browser_state: [{ tabs: [] }, 'refused'],
};
test.each(Object.entries(within))(
  'a block of the type %s in a result is treated as the table says',
  async (type, [block, verdict]) => {
    await check(
      answering({ ...result, content: [{ ...block, type }] }),
      verdict,
      'messages[2].content[0].content[0]',
    );
  },
);

const systems: Rows<keyof sdk.BetaSystemMessageParam> = {
  role: ['system', 'taken'],
  content: [[plain], 'taken'],
  clear_at: ['never', 'taken'],
  output_config: [{ effort: 'low' }, '-output_config.effort'],
};
checkAll(
  'a system message',
  systems,
  (key, value) => ({ messages: [user, { role: 'system', content: 'x', [key]: value }] }),
  (key) => `messages[1].${key}`,
);

const outputs: Rows<keyof sdk.BetaOutputConfig> = {
  effort: ['max', '-output_config.effort'],
  format: [{ type: 'json_schema', schema: { type: 'object' } }, 'taken'],
  task_budget: [{ type: 'tokens', total: 9, remaining: null }, '-output_config.task_budget'],
};
checkAll(
  'output_config',
  outputs,
  (key, value) => ({ output_config: { [key]: value } }),
  (key) => `output_config.${key}`,
);

describe('thinking', () => {
  type Display = NonNullable<sdk.BetaThinkingConfigAdaptive['display']>;
  const displays: Record<Display, string[]> = {
    summarized: ['thinking.display'],
    updates: ['thinking.display'],
    omitted: [],
  };
  test.each(Object.entries(displays))(
    'with the display %s is treated as the table says',
    async (display, names) => {
      const thinking = {
        type: 'adaptive',
        display,
        block_binding: { prefix_mismatch_behavior: 'drop_block' },
      };
      const body = JSON.stringify({ model: MODEL, max_tokens: 50, messages: [user], thinking });
      const answer = await fetch(`${room.url}/v1/messages`, { method: 'POST', headers: JSON_TYPE, body });
      const told = answer.headers.get(NO_EFFECT)?.split(', ');
      expect(told?.toSorted()).toEqual(['thinking', 'thinking.block_binding', ...names]);
    },
  );

  const types: Record<sdk.BetaThinkingConfigParam['type'], Verdict> = {
    enabled: '-thinking',
    adaptive: '-thinking',
    disabled: 'taken',
    between_tools: 'refused',
  };
  test.each(Object.entries(types))('of the type %s is treated as the table says', async (type, verdict) => {
    await check(
      { thinking: { type, ...(type === 'enabled' && { budget_tokens: 9 }) } },
      verdict,
      'thinking.type',
    );
  });
});

type EditType = NonNullable<sdk.BetaContextManagementConfig['edits']>[number]['type'];
const edits: Record<EditType, object> = {
  clear_thinking_20251015: { keep: { type: 'thinking_turns', value: 2 } },
  clear_tool_uses_20250919: { exclude_tools: ['f'], clear_at_least: null, clear_tool_inputs: true },
  compact_20260112: { instructions: 'Be brief.', pause_after_compaction: false, trigger: null },
};
test.each(Object.entries(edits))('an edit of the type %s is accepted', async (type, edit) => {
  await check({ context_management: { edits: [{ type, ...edit }] } }, '-context_management', '');
});
