// Tries Claude Code without a terminal: a turn with a tool that lists agents, and a turn with a search for tools, which
// adds tools during the turn.
import assert from 'node:assert/strict';
import { allOf, fileOf, type ModelName, runProgram, type Setting } from '../client.ts';
import { takeTurn } from './agent-turn.ts';

export const name = 'Claude Code';
export const packages = ['@anthropic-ai/claude-code'];
export const models: readonly ModelName[] = ['long'];

/** Long, because the prompts of Claude Code have 20,000 tokens. */
export const timeoutMs = 600_000;

/**
 * Tools that change nothing on the machine, whatever their arguments: one lists agents, of which there are none, the
 * other names tools.
 */
const tools = ['ListAgents', 'ToolSearch'];

export function run(setting: Setting): Promise<string> {
  return allOf(tools.map((tool) => () => turnWith(setting, tool)));
}

async function turnWith(setting: Setting, tool: string): Promise<string> {
  const turn = await takeTurn(setting, {
    tools: [tool],
    turn: async (baseUrl) => {
      const args = ['-p', 'Which agents are there?', '--model', setting.model];
      const output = ['--output-format', 'stream-json', '--verbose', '--no-session-persistence'];
      // Every tool that needs permission is refused, because arguments are random.
      const limits = ['--permission-mode', 'dontAsk', '--allowedTools', tool, '--strict-mcp-config'];
      const program = [fileOf('@anthropic-ai/claude-code', 'cli-wrapper.cjs'), ...args, ...output, ...limits];
      const env = {
        ANTHROPIC_BASE_URL: baseUrl,
        ANTHROPIC_API_KEY: 'none',
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
        DISABLE_AUTOUPDATER: '1',
        DISABLE_TELEMETRY: '1',
      };
      const { stdout } = await runProgram(setting, process.execPath, program, { env });
      const told = stdout
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line));
      const result = told.findLast(({ type }) => type === 'result');
      assert.equal(result?.is_error, false, `the turn ended with ${JSON.stringify(result).slice(0, 800)}`);
    },
  });
  return `${tool}: ${turn}`;
}
