// Tells whether the grammar of a syntax accepts the text that a template writes for calls, token by token.
import { textsOf } from '../../gateway/api/text/calls/syntaxes.ts';
import { createTokenizer } from '../../gateway/api/text/tokenizer.ts';
import { Constraints } from '../../gateway/constraints/masks/constraints.ts';
import type { CallableTool, CallSyntax } from '../../gateway/constraints/specification.ts';
import { vocabularyData } from '../../gateway/constraints/vocabulary.ts';
import { tokenizerWith } from '../../test/support/models/call-models.ts';

/** Accepts a text if the model may write it. */
export type Holder = (text: string) => boolean;

const kept = new Map<string, Holder>();

/** Like `holderOf`, but makes one for equal syntaxes. */
export function keptHolder(syntax: CallSyntax, options: Parameters<typeof holderOf>[1]): Holder {
  const key = JSON.stringify([syntax, options.special]);
  const holder = kept.get(key) ?? holderOf(syntax, options);
  kept.set(key, holder);
  return holder;
}

/** `special`: the tags of the syntax are special tokens of the tokenizer. Otherwise they are ordinary text. */
function holderOf(
  syntax: CallSyntax,
  { tools, special }: { tools: readonly CallableTool[]; special: boolean },
): Holder {
  const tags = special ? tagsOf(syntax) : [];
  const tokenizer = createTokenizer(tokenizerWith(tags));
  const size = Math.max(...tokenizer.added.map(({ id }) => id)) + 1;
  const constraints = new Constraints(vocabularyData(size, (id) => tokenizer.bytes(id)));
  const endId = tokenizer.idOf('<|endoftext|>') ?? 0;
  // The token behind the arguments of a call on a channel ends the answer.
  const stop = syntax.channels === undefined ? undefined : tokenizer.idOf(syntax.afterArguments);
  const specials = Object.fromEntries(
    tags.map((tag) => {
      const id = tokenizer.idOf(tag) ?? null;
      return [tag, id === stop ? null : id];
    }),
  );
  const spec = {
    type: 'tool_calls' as const,
    mode: 'auto' as const,
    tools,
    parallel: true,
    syntax,
    specials,
  };
  const stopIds = stop === undefined ? [endId] : [endId, stop];
  return (text) => {
    const constraint = constraints.open(spec, { stopIds });
    const logits = new Float32Array(size);
    for (const id of [...tokenizer.encode(text, { addSpecial: false }), endId]) {
      if (constraint.finished) return stopIds.includes(id);
      logits.fill(0);
      constraint.allow(logits);
      if (stopIds.includes(id)) return logits[endId] === 0;
      if (logits[id] !== 0) return false;
      constraint.advance(id);
    }
    return true;
  };
}

/** Tags in the texts of a syntax. */
function tagsOf(syntax: CallSyntax): string[] {
  const tags = textsOf(syntax).flatMap((text) => text.match(/<[^<>\s"=]+>|\[[A-Z_]+\]/g) ?? []);
  return [...new Set(tags)];
}
