// The commands of `expertgrid chat`: what each does to the conversation, and what it says. Knows no terminal.
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type ChatClient, ChatError, type ChatRequest } from './client.ts';
import type { Conversation } from './conversation.ts';

/** What is to happen now, where saying something is not all. */
export interface CommandResult {
  says?: string;
  asks?: ChatRequest;
  leaves?: boolean;
}

interface CommandContext {
  conversation: Conversation;
  client: Pick<ChatClient, 'models'>;
}

interface ChatCommand {
  takes: string;
  does: string;
  run: (rest: string, context: CommandContext) => CommandResult | Promise<CommandResult>;
}

const commands: Readonly<Record<string, ChatCommand>> = {
  help: { takes: '', does: 'tells this', run: () => ({ says: help() }) },
  clear: {
    takes: '',
    does: 'begins a new conversation',
    run: (_, { conversation }) => {
      conversation.clear();
      return { says: 'a new conversation' };
    },
  },
  system: {
    takes: '[TEXT]',
    does: 'tells what the model is told before all else, or sets it; "-" takes it away',
    run: (rest, { conversation }) => {
      if (rest !== '') conversation.system = rest === '-' ? undefined : rest;
      return {
        says: conversation.system === undefined ? 'no system message' : `system: ${conversation.system}`,
      };
    },
  },
  model: {
    takes: '[ID]',
    does: 'tells which models there are, or takes another',
    run: async (rest, { conversation, client }) => {
      const ids = await client.models();
      if (rest !== '' && !ids.includes(rest)) {
        throw new ChatError(`there is no model "${rest}"; there is ${ids.join(', ')}`);
      }
      if (rest !== '') conversation.model = rest;
      return { says: ids.map((id) => `${id === conversation.model ? '*' : ' '} ${id}`).join('\n') };
    },
  },
  retry: {
    takes: '',
    does: 'asks the last question again (with --seed: by the next seed)',
    run: (_, { conversation }) => {
      const asks = conversation.askAgain();
      if (asks === undefined) throw new ChatError('there is no question yet');
      return { asks };
    },
  },
  save: {
    takes: 'FILE',
    does: 'writes the conversation to a new file, as a request that can be sent',
    run: async (rest, { conversation }) => {
      if (rest === '') throw new ChatError('/save needs the name of a file');
      const { model, messages } = conversation;
      await save(rest, `${JSON.stringify({ model, messages }, null, 2)}\n`);
      return { says: `${messages.length} messages in ${resolve(rest)}` };
    },
  },
  exit: { takes: '', does: 'leaves; so does Ctrl-D', run: () => ({ leaves: true }) },
};

/** Throws a ChatError where it cannot be done. */
export async function runCommand(
  name: string,
  rest: string,
  context: CommandContext,
): Promise<CommandResult> {
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command !== undefined) return await command.run(rest, context);
  throw new ChatError(`there is no /${name}; /help tells what there is, a message may begin with //`);
}

function help(): string {
  const entries = Object.entries(commands).map(([name, { takes, does }]) => [`/${name} ${takes}`, does]);
  const width = Math.max(...entries.map(([usage = '']) => usage.length));
  return [
    ...entries.map(([usage = '', does]) => `${usage.padEnd(width)}  ${does}`),
    'A line that ends in \\ goes on in the next; """ begins and ends a message of many lines.',
    'Ctrl-C stops an answer.',
  ].join('\n');
}

async function save(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text, { flag: 'wx' });
  } catch (error) {
    const there = error instanceof Error && 'code' in error && error.code === 'EEXIST';
    throw new ChatError(there ? `${path} is there already` : `${path} cannot be written: ${String(error)}`);
  }
}
