// What `expertgrid inspect` says about a model's tokenizer and chat template.
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { errorText } from '../../base/error-text.ts';
import { loadTextSide } from '../../gateway/api/text/text-side.ts';
import { thinkingTagsOf } from '../../gateway/api/text/thinking.ts';

/** As `textFacts`, for files that are not on the disk yet. */
export async function textFactsOf(
  files: ReadonlyMap<string, Uint8Array>,
): Promise<[name: string, value: string][]> {
  const dir = await mkdtemp(join(tmpdir(), 'expertgrid-inspect-'));
  try {
    for (const [name, content] of files) await writeFile(join(dir, name), content);
    return await textFacts(dir);
  } finally {
    await rm(dir, { recursive: true });
  }
}

/** Names and values for the user. Files that cannot be used are part of the result, because weights can be served without them. */
export async function textFacts(dir: string): Promise<[name: string, value: string][]> {
  if (!existsSync(join(dir, 'tokenizer.json')))
    return [['tokenizer', 'no tokenizer.json: it serves token ids, and no text']];
  try {
    const { template, toolTemplate } = await loadTextSide(dir);
    if (template === undefined)
      return [
        ['tokenizer', 'yes'],
        ['chat template', 'none: it serves no chat requests'],
      ];
    const tags = thinkingTagsOf(template.source);
    return [
      ['tokenizer', 'yes'],
      ['chat template', toolTemplate === undefined ? 'yes' : 'yes, and another for tools'],
      ['thinking', tags === undefined ? 'no' : `between ${tags.begin} and ${tags.end}`],
    ];
  } catch (error) {
    return [['text', `cannot be served: ${errorText(error)}`]];
  }
}
