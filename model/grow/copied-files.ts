// The small files of a checkpoint that a grown one keeps: tokenizer, chat templates, generation settings, code and licence.
import { copyFile, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';

const kept = /(\.(json|jinja|txt|model|tiktoken|py)|^(LICENSE|NOTICE)[^/]*)$/i;
/** These are written anew. */
const replaced = /^(config\.json|.*\.index\.json)$/;
const TEMPLATES = 'additional_chat_templates';

/** Copies the files of `from` to `to`. Links, as in Hugging Face's cache, become files. */
export async function copyFiles(from: string, to: string): Promise<void> {
  const entries = await readdir(from, { withFileTypes: true });
  for (const entry of entries) {
    if (entry.isDirectory() && entry.name === TEMPLATES) {
      await mkdir(join(to, TEMPLATES));
      await copyFiles(join(from, TEMPLATES), join(to, TEMPLATES));
    } else if (!entry.isDirectory() && kept.test(entry.name) && !replaced.test(entry.name)) {
      await copyFile(join(from, entry.name), join(to, entry.name));
    }
  }
}
