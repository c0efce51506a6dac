// A chat at a terminal: reads what is typed, prints what is answered, until the user leaves. Knows no HTTP.
import { type AnswerSummary, streamAnswer, summaryLine } from './chat-answer.ts';
import { type ChatClient, ChatError, type ChatRequest } from './chat-client.ts';
import { runCommand } from './chat-commands.ts';
import type { Conversation } from './chat-conversation.ts';
import { InputLines } from './chat-input.ts';
import type { Keyboard } from './chat-keyboard.ts';

export interface TerminalChat {
  client: ChatClient;
  conversation: Conversation;
  keyboard: Keyboard;
  colour: boolean;
}

const INTERRUPTED = 130;

/** The exit code. */
export async function chatAtTerminal({
  client,
  conversation,
  keyboard,
  colour,
}: TerminalChat): Promise<number> {
  const { stdout } = process;
  const dim = (text: string) => (colour ? `\x1b[2m${text}\x1b[22m` : text);
  const input = new InputLines();
  /** The last thing the user did was Ctrl-C. */
  let interrupted = false;

  async function answer(request: ChatRequest): Promise<void> {
    const stop = new AbortController();
    const interrupt = () => {
      interrupted = true;
      stop.abort();
    };
    let last = '\n';
    const onText = (text: string, kind: 'reasoning' | 'content') => {
      stdout.write(kind === 'reasoning' ? dim(text) : text);
      last = text.at(-1) ?? last;
    };
    const lineEnd = () => (last === '\n' ? '' : '\n');
    try {
      const stream = () => streamAnswer({ client, request, signal: stop.signal, onText });
      const summary: AnswerSummary = await keyboard.silence(stream, interrupt);
      if (summary.text !== '') conversation.answered(summary.text);
      stdout.write(`${lineEnd()}${dim(summaryLine(summary))}\n\n`);
    } catch (error) {
      stdout.write(lineEnd());
      throw error;
    }
  }

  async function command(name: string, rest: string): Promise<boolean> {
    const { says, asks, leaves = false } = await runCommand(name, rest, { conversation, client });
    if (says !== undefined) stdout.write(`${dim(says)}\n`);
    if (asks !== undefined) await answer(asks);
    return leaves;
  }

  /** What one line brings about; true: the user leaves. */
  async function take(line: string, inPaste: boolean): Promise<boolean> {
    const entered = input.push(line, { inPaste });
    if (entered === undefined) return false;
    try {
      if (entered.type === 'command') return await command(entered.name, entered.rest);
      await answer(conversation.ask(entered.text));
    } catch (error) {
      if (!(error instanceof ChatError)) throw error;
      stdout.write(`error: ${error.message}\n`);
    }
    return false;
  }

  stdout.write(`${dim(`${conversation.model}; /help tells what there is, Ctrl-D leaves`)}\n`);
  for (;;) {
    const typed = await keyboard.next(input.unfinished ? '… ' : '> ');
    if (typed.type === 'end') {
      stdout.write('\n');
      return 0;
    }
    if (typed.type === 'line') {
      interrupted = false;
      if (await take(typed.text, typed.inPaste)) return 0;
      continue;
    }
    const begun = keyboard.line !== '' || input.unfinished;
    if (interrupted && !begun) {
      stdout.write('\n');
      return INTERRUPTED;
    }
    interrupted = true;
    input.drop();
    keyboard.drop();
    stdout.write(begun ? '\n' : `\n${dim('Ctrl-C again leaves, and so does Ctrl-D')}\n`);
  }
}
