// Names of the clients that `npm run test:clients` tries, in the order of its table. Each is a file in agents/ or sdks/.
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
