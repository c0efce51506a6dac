// Asks one question, for scripts. Only the answer is printed on standard output.
import { streamAnswer, summaryLine } from './answer.ts';
import type { ChatClient, ChatRequest } from './client.ts';
import { WordWrap } from './wrap.ts';

/** Exit code after Ctrl-C: 128 + SIGINT. */
const INTERRUPTED = 130;

/** Returns the exit code. Throws a ChatError if the answer is not complete. */
export async function chatOnce(client: ChatClient, request: ChatRequest): Promise<number> {
  const { stdout, stderr } = process;
  const stop = new AbortController();
  process.on('SIGINT', () => stop.abort());
  stdout.on('error', () => process.exit(0)); // the reader of a pipe, such as `head`, has ended
  let last = '\n';
  const wrap = stdout.isTTY ? new WordWrap(() => stdout.columns || 80) : undefined;
  const print = (text: string) => {
    stdout.write(text);
    last = text.at(-1) ?? last;
  };
  const onText = (text: string, kind: 'reasoning' | 'content') => {
    if (kind === 'content') print(wrap?.push(text) ?? text);
  };
  const summary = await streamAnswer({ client, request, signal: stop.signal, onText });
  print(wrap?.end() ?? '');
  if (last !== '\n') stdout.write('\n');
  if (stderr.isTTY && stdout.isTTY) stderr.write(`${summaryLine(summary)}\n`);
  return stop.signal.aborted ? INTERRUPTED : 0;
}
