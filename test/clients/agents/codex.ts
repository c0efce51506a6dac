// Tries Codex without a terminal: a turn with a function in no namespace, and a turn with a function in a namespace.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { allOf, fileOf, homeFolder, type ModelName, runProgram, type Setting } from '../client.ts';
import { takeTurn } from './agent-turn.ts';

export const name = 'Codex';
export const packages = ['@openai/codex'];
export const models: readonly ModelName[] = ['long'];

/** Long, because the prompts of Codex have 10,000 tokens. */
export const timeoutMs = 300_000;

/**
 * Tools that change nothing on the machine: one returns the goal of the thread, the other ends an agent that does not
 * exist.
 */
const tools = ['get_goal', 'close_agent'];

export function run(setting: Setting): Promise<string> {
  return allOf(tools.map((tool) => () => turnWith(setting, tool)));
}

async function turnWith(setting: Setting, tool: string): Promise<string> {
  const turn = await takeTurn(setting, {
    tools: [tool],
    turn: async (baseUrl) => {
      const home = homeFolder(setting);
      await writeFile(join(home, 'config.toml'), config(setting, baseUrl));
      const args = ['exec', '--skip-git-repo-check', '--ephemeral', '--json', 'What is the goal?'];
      const program = [fileOf('@openai/codex', 'bin/codex.js'), ...args];
      const env = { CODEX_HOME: home };
      const { stdout } = await runProgram(setting, process.execPath, program, { env });
      assert.match(stdout, /"type": ?"turn\.completed"/);
    },
  });
  return `${tool}: ${turn}`;
}

/** A string in TOML, which accepts the syntax of JSON. */
function config({ model, context }: Setting, baseUrl: string): string {
  return `
model = ${JSON.stringify(model)}
model_provider = "expertgrid"
model_context_window = ${context}
approval_policy = "never"
sandbox_mode = "read-only"
check_for_update_on_startup = false

[model_providers.expertgrid]
name = "expertgrid"
base_url = ${JSON.stringify(`${baseUrl}/v1`)}
wire_api = "responses"
request_max_retries = 0
stream_max_retries = 0

[analytics]
enabled = false

[history]
persistence = "none"
`;
}
