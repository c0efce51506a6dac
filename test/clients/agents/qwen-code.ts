// Tries Qwen Code without a terminal over each of the three APIs that it supports.
import { writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { allOf, fileOf, homeFolder, type ModelName, runProgram, type Setting } from '../client.ts';
import { takeTurn } from './agent-turn.ts';

export const name = 'Qwen Code';
export const packages = ['@qwen-code/qwen-code'];
export const models: readonly ModelName[] = ['long'];

/** Environment variables for each value of `--auth-type`. */
const apis: Record<string, (baseUrl: string) => Record<string, string>> = {
  openai: (baseUrl) => ({ OPENAI_BASE_URL: `${baseUrl}/v1`, OPENAI_API_KEY: 'none' }),
  'openai-responses': (baseUrl) => ({ OPENAI_BASE_URL: `${baseUrl}/v1`, OPENAI_API_KEY: 'none' }),
  anthropic: (baseUrl) => ({ ANTHROPIC_BASE_URL: baseUrl, ANTHROPIC_API_KEY: 'none' }),
};

export async function run(setting: Setting): Promise<string> {
  const settings = join(homeFolder(setting), '.qwen');
  await mkdir(settings, { recursive: true });
  writeFileSync(
    join(settings, 'settings.json'),
    JSON.stringify({
      privacy: { usageStatisticsEnabled: false },
      // Otherwise Qwen Code requests 32,000 tokens of thinking and 32,000 tokens in all, which Anthropic's API refuses, too.
      model: { generationConfig: { reasoning: false } },
    }),
  );
  return allOf(
    Object.entries(apis).map(([api, env]) => () => {
      const args = [
        '--auth-type',
        api,
        '--model',
        setting.model,
        '--output-format',
        'json',
        'List the folder.',
      ];
      const program = [fileOf('@qwen-code/qwen-code', 'cli-entry.js'), ...args];
      return takeTurn(setting, {
        tools: ['list_directory', 'glob'],
        turn: (baseUrl) => runProgram(setting, process.execPath, program, { env: env(baseUrl) }),
      });
    }),
  );
}
