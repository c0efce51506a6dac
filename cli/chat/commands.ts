// The commands of `expertgrid chat`, such as /model. Each may change the conversation, and returns what the chat does next.
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type ChatClient, ChatError, type ChatRequest } from './client.ts';
import type { Conversation } from './conversation.ts';

interface CommandResult {
  /** Text to print. */
  says?: string;
  /** Request to send. */
  asks?: ChatRequest;
  /** True: end the chat. */
  leaves?: boolean;
}

interface CommandContext {
  conversation: Conversation;
  client: Pick<ChatClient, 'models'>;
}

interface ChatCommand {
  /** Argument, for the help. Absent: none. */
  takes?: string;
  /** Description, for the help. */
  does: string;
  run: (rest: string, context: CommandContext) => CommandResult | Promise<CommandResult>;
}

const commands: Readonly<Record<string, ChatCommand>> = {
  help: { does: 'show this help', run: () => ({ says: help() }) },
  clear: {
    does: 'start a new conversation',
    run: (_, { conversation }) => {
      conversation.clear();
      return { says: 'new conversation' };
    },
  },
  system: {
    takes: '[TEXT]',
    does: 'show or set the system message; "-" removes it',
    run: (rest, { conversation }) => {
      if (rest !== '') conversation.system = rest === '-' ? undefined : rest;
      return {
        says: conversation.system === undefined ? 'no system message' : `system: ${conversation.system}`,
      };
    },
  },
  model: {
    takes: '[ID]',
    does: 'list the models, or switch to another',
    run: async (rest, { conversation, client }) => {
      const ids = await client.models();
      if (rest !== '' && !ids.includes(rest)) {
        throw new ChatError(`there is no model "${rest}"; the gateway has ${ids.join(', ')}`);
      }
      if (rest !== '') conversation.model = rest;
      return { says: ids.map((id) => `${id === conversation.model ? '*' : ' '} ${id}`).join('\n') };
    },
  },
  retry: {
    does: 'ask the last question again (with --seed: with the next seed)',
    run: (_, { conversation }) => {
      const asks = conversation.askAgain();
      if (asks === undefined) throw new ChatError('there is no question to ask again');
      return { asks };
    },
  },
  save: {
    takes: 'FILE',
    does: 'write the conversation to a new file, as a request body',
    run: async (rest, { conversation }) => {
      if (rest === '') throw new ChatError('give the name of a file: /save FILE');
      const { model, messages } = conversation;
      await save(rest, `${JSON.stringify({ model, messages }, null, 2)}\n`);
      return { says: `${messages.length} messages in ${resolve(rest)}` };
    },
  },
  exit: { does: 'leave, as with Ctrl-D', run: () => ({ leaves: true }) },
};

/** Throws a ChatError if the command fails or does not exist. */
export async function runCommand(
  name: string,
  rest: string,
  context: CommandContext,
): Promise<CommandResult> {
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command !== undefined) return await command.run(rest, context);
  throw new ChatError(
    `there is no command /${name}; /help lists the commands, and a message that starts with / is written with //`,
  );
}

function help(): string {
  const entries = Object.entries(commands).map(([name, { takes = '', does }]) => [`/${name} ${takes}`, does]);
  const width = Math.max(...entries.map(([usage = '']) => usage.length));
  return [
    ...entries.map(([usage = '', does]) => `${usage.padEnd(width)}  ${does}`),
    'A line that ends in \\ continues on the next; """ begins and ends a message of several lines.',
    'Ctrl-C stops an answer.',
  ].join('\n');
}

async function save(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text, { flag: 'wx' });
  } catch (error) {
    const there = error instanceof Error && 'code' in error && error.code === 'EEXIST';
    throw new ChatError(there ? `${path} exists already` : `${path} cannot be written: ${String(error)}`);
  }
}
