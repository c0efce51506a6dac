// opencode, without a terminal. Its program is in the package of its platform.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { takeTurn } from './agent-turn.ts';
import { fileOf, type ModelName, runProgram, type Setting, workFolder } from './client.ts';

export const name = 'opencode';
export const packages = ['opencode-ai'];
export const models: readonly ModelName[] = ['long'];

const platforms: Partial<Record<NodeJS.Platform, string>> = { win32: 'windows' };
const program = fileOf(
  `opencode-${platforms[process.platform] ?? process.platform}-${process.arch}`,
  `bin/opencode${process.platform === 'win32' ? '.exe' : ''}`,
);

export function run(setting: Setting): Promise<string> {
  return takeTurn(setting, {
    tools: ['glob', 'list', 'read'],
    turn: async (baseUrl) => {
      const config = {
        provider: {
          expertgrid: {
            npm: '@ai-sdk/openai-compatible',
            options: { baseURL: `${baseUrl}/v1`, apiKey: 'none' },
            models: {
              [setting.model]: { tool_call: true, limit: { context: setting.context, output: 2_000 } },
            },
          },
        },
        model: `expertgrid/${setting.model}`,
        small_model: `expertgrid/${setting.model}`,
        share: 'disabled',
        autoupdate: false,
      };
      await writeFile(join(workFolder(setting), 'opencode.json'), JSON.stringify(config));
      await runProgram(setting, program, ['run', '--format', 'json', 'List the folder.'], {
        env: {
          OPENCODE_DISABLE_MODELS_FETCH: '1',
          OPENCODE_DISABLE_AUTOUPDATE: '1',
          OPENCODE_DISABLE_LSP_DOWNLOAD: '1',
        },
      });
    },
  });
}
