// The clients that `npm run test:clients` tries, in the order of its table: files of this folder.
export const fileNames: readonly string[] = [
  'claude-code',
  'codex',
  'qwen-code',
  'opencode',
  'continue',
  'openai-agents',
  'ai-sdk',
  'anthropic-sdk',
  'openai',
  'langchain',
  'zod',
  'mcp',
  'lm-eval',
];
