// Reads the output of a child process until it says that it is ready.
import type { ChildProcess } from 'node:child_process';

/**
 * Resolves to the first group of `pattern` in the output. If the process ends before the output matches, rejects with an
 * error that contains the last output. `name` is the name of the process in this error.
 */
export function untilOutput(child: ChildProcess, pattern: RegExp, name: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = '';
    const read = (text: string) => {
      output = (output + text).slice(-10_000);
      const [, match] = pattern.exec(output) ?? [];
      if (match === undefined) return;
      // Later output is dropped without a look, because the child must never wait for a reader.
      for (const stream of [child.stdout, child.stderr]) stream?.off('data', read).resume();
      resolve(match);
    };
    for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', read);
    child.once('error', reject);
    child.once('close', (code) => {
      reject(new Error(`${name} ended with exit code ${code} before it was ready: ${output.trim()}`));
    });
  });
}
