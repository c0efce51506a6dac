// An interactive chat at a terminal: it reads lines and prints answers until the user leaves.
import { streamAnswer, summaryLine } from './answer.ts';
import { type ChatClient, ChatError, type ChatRequest } from './client.ts';
import { runCommand } from './commands.ts';
import type { Conversation } from './conversation.ts';
import { InputLines } from './input.ts';
import type { Keyboard } from './keyboard.ts';
import { WordWrap, wrapWords } from './wrap.ts';

interface TerminalChat {
  client: ChatClient;
  conversation: Conversation;
  keyboard: Keyboard;
  colour: boolean;
}

/** Exit code after Ctrl-C: 128 + SIGINT. */
const INTERRUPTED = 130;

export class Terminal {
  readonly #chat: TerminalChat;
  readonly #input = new InputLines();
  /** True if Ctrl-C was the last input. */
  #interrupted = false;

  constructor(chat: TerminalChat) {
    this.#chat = chat;
  }

  /** Resolves with the exit code when the user leaves. */
  async run(): Promise<number> {
    const { conversation, keyboard } = this.#chat;
    this.#say(`${conversation.model}; /help lists the commands, Ctrl-D leaves`);
    for (;;) {
      const typed = await keyboard.next(this.#input.unfinished ? '… ' : '> ');
      if (typed.type === 'end') {
        process.stdout.write('\n');
        return 0;
      }
      if (typed.type === 'interrupt') {
        if (this.#interrupt()) return INTERRUPTED;
        continue;
      }
      this.#interrupted = false;
      if (await this.#take(typed.text, typed.inPaste)) return 0;
    }
  }

  /** Deletes the typed text. Returns true if the user leaves: at a second Ctrl-C without text in between. */
  #interrupt(): boolean {
    const { keyboard } = this.#chat;
    const begun = keyboard.line !== '' || this.#input.unfinished;
    if (this.#interrupted && !begun) {
      process.stdout.write('\n');
      return true;
    }
    this.#interrupted = true;
    this.#input.drop();
    keyboard.drop();
    const advice = this.#dim('Press Ctrl-C again, or Ctrl-D, to leave');
    process.stdout.write(begun ? '\n' : `\n${advice}\n`);
    return false;
  }

  /** Runs the command or sends the message that the line completes. Returns true if the user leaves. */
  async #take(line: string, inPaste: boolean): Promise<boolean> {
    const entered = this.#input.push(line, { inPaste });
    if (entered === undefined) return false;
    try {
      if (entered.type === 'command') return await this.#command(entered.name, entered.rest);
      await this.#answer(this.#chat.conversation.ask(entered.text));
    } catch (error) {
      if (!(error instanceof ChatError)) throw error;
      process.stdout.write(`${wrapWords(`error: ${error.message}`, columns())}\n`);
    }
    return false;
  }

  async #command(name: string, rest: string): Promise<boolean> {
    const { says, asks, leaves = false } = await runCommand(name, rest, this.#chat);
    if (says !== undefined) this.#say(says);
    if (asks !== undefined) await this.#answer(asks);
    return leaves;
  }

  async #answer(request: ChatRequest): Promise<void> {
    const { client, conversation, keyboard } = this.#chat;
    const stop = new AbortController();
    const interrupt = () => {
      this.#interrupted = true;
      stop.abort();
    };
    const wrap = new WordWrap(columns);
    let last = '\n';
    let printed: 'reasoning' | 'content' = 'content';
    const print = (text: string) => {
      if (text !== '') process.stdout.write(printed === 'reasoning' ? this.#dim(text) : text);
      last = text.at(-1) ?? last;
    };
    const onText = (text: string, kind: 'reasoning' | 'content') => {
      if (kind !== printed) print(wrap.end());
      printed = kind;
      print(wrap.push(text));
    };
    const endLine = () => {
      print(wrap.end());
      if (last !== '\n') process.stdout.write('\n');
    };
    try {
      const stream = () => streamAnswer({ client, request, signal: stop.signal, onText });
      const summary = await keyboard.silence(stream, interrupt);
      if (summary.text !== '') conversation.answered(summary.text);
      endLine();
      this.#say(summaryLine(summary), '\n\n');
    } catch (error) {
      endLine();
      throw error;
    }
  }

  /** Prints text of the program, dimmed to distinguish it from text of the model. */
  #say(text: string, end = '\n'): void {
    process.stdout.write(this.#dim(wrapWords(text, columns())) + end);
  }

  #dim(text: string): string {
    return this.#chat.colour ? `\x1b[2m${text}\x1b[22m` : text;
  }
}

/** Width of the terminal. Some terminals report 0. */
function columns(): number {
  return process.stdout.columns || 80;
}
