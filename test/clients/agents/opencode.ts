// Tries opencode without a terminal over each of the three APIs. Its program is in a package for this platform.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { allOf, fileOf, type ModelName, runProgram, type Setting, workFolder } from '../client.ts';
import { takeTurn } from './agent-turn.ts';

export const name = 'opencode';
export const packages = ['opencode-ai'];
export const models: readonly ModelName[] = ['long'];
export const timeoutMs = 300_000;

const platforms: Partial<Record<NodeJS.Platform, string>> = { win32: 'windows' };
const program = fileOf(
  `opencode-${platforms[process.platform] ?? process.platform}-${process.arch}`,
  `bin/opencode${process.platform === 'win32' ? '.exe' : ''}`,
);

/** Provider packages that opencode contains. */
const providers = ['@ai-sdk/openai-compatible', '@ai-sdk/openai', '@ai-sdk/anthropic'];

export function run(setting: Setting): Promise<string> {
  return allOf(providers.map((npm) => () => turnWith(setting, npm)));
}

async function turnWith(setting: Setting, npm: string): Promise<string> {
  const turn = await takeTurn(setting, {
    tools: ['glob', 'list', 'read'],
    turn: async (baseUrl) => {
      const name = `expertgrid/${setting.model}`;
      const limit = { context: setting.context, output: 2_000 };
      const expertgrid = {
        npm,
        options: { baseURL: `${baseUrl}/v1`, apiKey: 'none' },
        models: { [setting.model]: { tool_call: true, limit } },
      };
      const settings = { share: 'disabled', autoupdate: false, model: name, small_model: name };
      const config = JSON.stringify({ ...settings, provider: { expertgrid } });
      await writeFile(join(workFolder(setting), 'opencode.json'), config);
      await runProgram(setting, program, ['run', '--format', 'json', 'List the folder.'], {
        env: {
          OPENCODE_DISABLE_MODELS_FETCH: '1',
          OPENCODE_DISABLE_AUTOUPDATE: '1',
          OPENCODE_DISABLE_LSP_DOWNLOAD: '1',
        },
      });
    },
  });
  return `${npm}: ${turn}`;
}
