// `expertgrid chat`: a conversation with a running gateway, at a terminal or from a script.
import { Command, InvalidArgumentError } from 'commander';
import { ChatClient, ChatError } from '../chat/client.ts';
import { type ChatSettings, Conversation } from '../chat/conversation.ts';
import { historyPath, readHistory, writeHistory } from '../chat/history.ts';
import { Keyboard } from '../chat/keyboard.ts';
import { chatOnce } from '../chat/once.ts';
import { chatAtTerminal } from '../chat/terminal.ts';
import { flag, GATEWAY_PORT, integer, LOOPBACK } from '../flags/flags.ts';
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
  return new Command('chat')
    .description('Talk to a model that a gateway serves. Piped input is asked as one question.')
    .optionsGroup('Gateway:')
    .addOption(
      flag('--url <address>', 'Address of the gateway')
        .argParser(httpUrl)
        .default(`http://${LOOPBACK}:${GATEWAY_PORT}`),
    )
    .addOption(apiKeyFlag())
    .optionsGroup('Request:')
    .addOption(
      // EXPERTGRID_MODEL is a gateway's, and names a directory.
      flag('--model <id>', 'Model that answers')
        .env('EXPERTGRID_CHAT_MODEL')
        .default(undefined, 'the first model of the gateway'),
    )
    .addOption(flag('--system <text>', 'System message'))
    .addOption(
      flag('--temperature <number>', 'Sampling temperature, 0–2; 0 always takes the most likely token')
        .argParser(number)
        .default(undefined, '1'),
    )
    .addOption(
      flag('--max-tokens <n>', 'Most tokens of an answer, at least 1')
        .argParser(integer({ min: 1 }))
        .default(undefined, 'the rest of the context'),
    )
    .addOption(
      // EXPERTGRID_SEED is that of synth's weights.
      flag('--seed <n>', 'Seed of the sampling; the same seed gives the same answers')
        .env('EXPERTGRID_CHAT_SEED')
        .argParser(integer())
        .default(undefined, 'a new one for each answer'),
    )
    .optionsGroup('Use:')
    .addOption(flag('--once <text>', 'Question to ask; the answer is printed and the chat ends'))
    .addOption(flag('--no-history', 'Do not write the lines of this chat to the history file'))
    .action(chat);
}

async function chat(flags: ChatFlags): Promise<void> {
  const { url, apiKey, system } = flags;
  const client = new ChatClient({ url, apiKey });
  const model = flags.model ?? (await firstModel(client));
  const conversation = new Conversation({ model, system, settings: settingsOf(flags) });
  const atTerminal = process.stdin.isTTY && process.stdout.isTTY;
  if (flags.once === undefined && atTerminal) {
    process.exitCode = await interactive(client, conversation, flags);
    return;
  }
  const question = flags.once ?? (await readAll(process.stdin)).trim();
  if (question === '') throw new ChatError('there is nothing to ask: standard input is empty');
  process.exitCode = await chatOnce(client, conversation.ask(question));
}

async function interactive(
  client: ChatClient,
  conversation: Conversation,
  flags: ChatFlags,
): Promise<number> {
  const path = flags.history ? historyPath(process.env) : undefined;
  const keyboard = new Keyboard({
    history: path === undefined ? [] : readHistory(path),
    onHistory: (lines) => {
      if (path !== undefined) writeHistory(path, lines);
    },
  });
  const colour = (process.env.NO_COLOR ?? '') === '';
  try {
    return await chatAtTerminal({ client, conversation, keyboard, colour });
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
