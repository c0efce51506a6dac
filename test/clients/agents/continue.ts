// Tries the command line of Continue without a terminal, with its providers for the APIs of OpenAI and Anthropic.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { allOf, fileOf, homeFolder, type ModelName, runProgram, type Setting } from '../client.ts';
import { takeTurn } from './agent-turn.ts';

export const name = 'Continue';
export const packages = ['@continuedev/cli'];
export const models: readonly ModelName[] = ['long'];

export function run(setting: Setting): Promise<string> {
  return allOf(['openai', 'anthropic'].map((provider) => () => turnWith(setting, provider)));
}

async function turnWith(setting: Setting, provider: string): Promise<string> {
  const turn = await takeTurn(setting, {
    tools: ['List', 'Read'],
    turn: async (baseUrl) => {
      const file = join(homeFolder(setting), `${provider}.yaml`);
      await writeFile(
        file,
        `name: expertgrid
version: 1.0.0
schema: v1
models:
  - name: ${setting.model}
    provider: ${provider}
    model: ${setting.model}
    apiBase: ${baseUrl}/v1
    apiKey: none
    roles: [chat]
    capabilities: [tool_use]
    defaultCompletionOptions:
      contextLength: ${setting.context}
      maxTokens: 2000
`,
      );
      const args = ['--config', file, '--readonly', '-p', 'List the folder.'];
      await runProgram(setting, process.execPath, [fileOf('@continuedev/cli', 'dist/cn.js'), ...args], {
        env: { CONTINUE_TELEMETRY_ENABLED: '0' },
      });
    },
  });
  return `${provider}: ${turn}`;
}
