// Compares llama.cpp's logits with those of transformers on the cases of bench/oracle. Prints one line a case.
//
// node oracle.ts FOLDER [NAME]: FOLDER holds the GGUF and JSON files that bench/oracle/llama_cpp.py wrote.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { getLlama } from 'node-llama-cpp';
import { loadCase } from '../../test/oracle/rebuild.ts';
import { logitsOf } from './logits.ts';

const [folder, only = ''] = process.argv.slice(2);
if (folder === undefined) throw new Error('usage: node oracle.ts FOLDER [NAME]');
const llama = await getLlama({ gpu: false, build: 'never' });
for (const file of (await readdir(folder))
  .filter((name) => name.startsWith(only) && name.endsWith('.gguf'))
  .sort()) {
  const oracle = await loadCase(file.slice(0, -'.gguf'.length), folder);
  try {
    const rows = await logitsOf(llama, join(folder, file), oracle.tokens);
    const largest = Math.max(...oracle.logits.flatMap((row) => [...row.map(Math.abs)]));
    const apart = oracle.logits.map((row, position) => {
      return Math.max(...row.map((logit, id) => Math.abs(logit - rows[position]![id]!))) / largest;
    });
    const worst = Math.max(...apart);
    const first = apart.findIndex((value) => value > 2e-3);
    const where = first < 0 ? 'agrees' : `differs from position ${first} on`;
    console.log(`${oracle.name}: ${worst.toExponential(1)} of the largest logit, ${where}`);
  } catch (error) {
    console.log(`${oracle.name}: llama.cpp refuses it: ${error instanceof Error ? error.message : error}`);
  }
}
await llama.dispose();
