// `expertgrid chat`: talks to a model of a running gateway, at a terminal or from a script.
import { Command, InvalidArgumentError } from 'commander';
import { ChatClient, ChatError } from '../chat/client.ts';
import { type ChatSettings, Conversation } from '../chat/conversation.ts';
import { historyPath, readHistory, writeHistory } from '../chat/history.ts';
import { Keyboard } from '../chat/keyboard.ts';
import { chatOnce } from '../chat/once.ts';
import { Terminal } from '../chat/terminal.ts';
import { addFlags, flag, GATEWAY_PORT, integer, LOOPBACK } from '../flags/flags.ts';
import { apiKeyFlag } from '../plan/ask-heat.ts';

interface ChatFlags {
  url: string;
  apiKey?: string;
  model?: string;
  system?: string;
  temperature?: number;
  maxTokens?: number;
  seed?: number;
  once?: string;
  history: boolean;
}

export function chatCommand(): Command {
  const command = new Command('chat').description(
    'Talk to a model that a gateway serves. Piped input is sent as one question.',
  );
  addFlags(command, 'Gateway:', [
    flag('--url <address>', 'Address of the gateway')
      .argParser(httpUrl)
      .default(`http://${LOOPBACK}:${GATEWAY_PORT}`),
    apiKeyFlag(),
  ]);
  addFlags(command, 'Request:', [
    // EXPERTGRID_MODEL belongs to `gateway` and names a directory.
    flag('--model <id>', 'Name of the model that answers')
      .env('EXPERTGRID_CHAT_MODEL')
      .default(undefined, 'the first model of the gateway'),
    flag('--system <text>', 'System message'),
    flag('--temperature <number>', 'Sampling temperature, 0–2; 0 always picks the most likely token')
      .argParser(number)
      .default(undefined, "the model's own"),
    flag('--max-tokens <n>', 'Most tokens of an answer, at least 1')
      .argParser(integer({ min: 1 }))
      .default(undefined, 'as many as still fit into the context'),
    // EXPERTGRID_SEED belongs to `synth` and is a seed for weights.
    flag('--seed <n>', 'Sampling seed, at least 0; the same seed gives the same answers')
      .env('EXPERTGRID_CHAT_SEED')
      .argParser(integer())
      .default(undefined, 'a new seed for each answer'),
  ]);
  return addFlags(command, 'Use:', [
    flag('--once <text>', 'Ask this question, print the answer and exit'),
    flag('--no-history', 'Neither read nor write the file with the lines of earlier chats'),
  ]).action(chat);
}

async function chat(flags: ChatFlags): Promise<void> {
  const { url, apiKey, system } = flags;
  const client = new ChatClient({ url, apiKey });
  const model = flags.model ?? (await firstModel(client));
  const conversation = new Conversation({ model, system, settings: settingsOf(flags) });
  const atTerminal = process.stdin.isTTY && process.stdout.isTTY;
  if (flags.once === undefined && atTerminal) {
    process.exitCode = await interactive(client, conversation, flags.history);
    return;
  }
  const question = flags.once ?? (await readAll(process.stdin)).trim();
  if (question === '') throw new ChatError('there is nothing to ask: standard input is empty');
  process.exitCode = await chatOnce(client, conversation.ask(question));
}

async function interactive(
  client: ChatClient,
  conversation: Conversation,
  history: boolean,
): Promise<number> {
  const path = history ? historyPath(process.env) : undefined;
  const keyboard = new Keyboard(path === undefined ? [] : readHistory(path), (lines) => {
    if (path !== undefined) writeHistory(path, lines);
  });
  const colour = (process.env.NO_COLOR ?? '') === '';
  try {
    return await new Terminal({ client, conversation, keyboard, colour }).run();
  } finally {
    keyboard.close();
  }
}

async function firstModel(client: ChatClient): Promise<string> {
  const [first] = await client.models();
  if (first === undefined) throw new ChatError('the gateway serves no model');
  return first;
}

function settingsOf({ temperature, maxTokens, seed }: ChatFlags): ChatSettings {
  return {
    ...(temperature !== undefined && { temperature }),
    ...(maxTokens !== undefined && { max_tokens: maxTokens }),
    ...(seed !== undefined && { seed }),
  };
}

async function readAll(input: NodeJS.ReadStream): Promise<string> {
  const bytes: Buffer[] = [];
  for await (const piece of input) bytes.push(piece as Buffer);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(bytes));
  } catch {
    throw new ChatError('standard input is not UTF-8');
  }
}

function httpUrl(text: string): string {
  if (/^https?:\/\//.test(text) && URL.canParse(text)) return text;
  throw new InvalidArgumentError('It must be an address such as http://127.0.0.1:8080.');
}

function number(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value)) return value;
  throw new InvalidArgumentError('It must be a number.');
}
