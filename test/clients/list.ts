// The clients that `npm run test:clients` tries, in the order of its table. Each has a file of its name in a folder.
const folders = {
  agents: ['claude-code', 'codex', 'qwen-code', 'opencode', 'continue'],
  sdks: ['openai-agents', 'ai-sdk', 'anthropic-sdk', 'openai', 'langchain', 'zod', 'mcp', 'lm-eval'],
};

/** Path of each client's file in this folder, without its ending, by the client's name. */
export const clientFiles: ReadonlyMap<string, string> = new Map(
  Object.entries(folders).flatMap(([folder, names]) =>
    names.map((name) => [name, `${folder}/${name}`] as const),
  ),
);
