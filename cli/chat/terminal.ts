// A chat at a terminal: reads what is typed, prints what is answered, until the user leaves. Knows no HTTP.
import { type AnswerSummary, streamAnswer, summaryLine } from './answer.ts';
import { type ChatClient, ChatError, type ChatRequest } from './client.ts';
import { runCommand } from './commands.ts';
import type { Conversation } from './conversation.ts';
import { InputLines } from './input.ts';
import type { Keyboard } from './keyboard.ts';
import { WordWrap, wrapWords } from './wrap.ts';

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
  /** Some terminals say 0. */
  const columns = () => stdout.columns || 80;
  /** What is not the model's. */
  const say = (text: string, end = '\n') => stdout.write(dim(wrapWords(text, columns())) + end);
  const input = new InputLines();
  /** The last thing the user did was Ctrl-C. */
  let interrupted = false;

  async function answer(request: ChatRequest): Promise<void> {
    const stop = new AbortController();
    const interrupt = () => {
      interrupted = true;
      stop.abort();
    };
    const wrap = new WordWrap(columns);
    let last = '\n';
    let printed: 'reasoning' | 'content' = 'content';
    const print = (text: string) => {
      if (text !== '') stdout.write(printed === 'reasoning' ? dim(text) : text);
      last = text.at(-1) ?? last;
    };
    const onText = (text: string, kind: 'reasoning' | 'content') => {
      if (kind !== printed) print(wrap.end());
      printed = kind;
      print(wrap.push(text));
    };
    const endLine = () => {
      print(wrap.end());
      if (last !== '\n') stdout.write('\n');
    };
    try {
      const stream = () => streamAnswer({ client, request, signal: stop.signal, onText });
      const summary: AnswerSummary = await keyboard.silence(stream, interrupt);
      if (summary.text !== '') conversation.answered(summary.text);
      endLine();
      say(summaryLine(summary), '\n\n');
    } catch (error) {
      endLine();
      throw error;
    }
  }

  async function command(name: string, rest: string): Promise<boolean> {
    const { says, asks, leaves = false } = await runCommand(name, rest, { conversation, client });
    if (says !== undefined) say(says);
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
      stdout.write(`${wrapWords(`error: ${error.message}`, columns())}\n`);
    }
    return false;
  }

  say(`${conversation.model}; /help tells what there is, Ctrl-D leaves`);
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
