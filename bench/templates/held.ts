// Tells whether the grammar of a syntax accepts the text that a template writes for calls, token by token.
import { textsOf } from '../../gateway/api/text/calls/syntaxes.ts';
import { createTokenizer } from '../../gateway/api/text/tokenizer.ts';
import { Constraints } from '../../gateway/constraints/masks/constraints.ts';
import type { CallableTool, CallSyntax } from '../../gateway/constraints/specification.ts';
import { vocabularyData } from '../../gateway/constraints/vocabulary.ts';
import { tokenizerWith } from '../../test/support/models/call-models.ts';

/** Accepts a text if the model may write it. */
export type Holder = (text: string) => boolean;

/** `special`: the tags of the syntax are special tokens of the tokenizer. Otherwise they are ordinary text. */
export function holderOf(
  syntax: CallSyntax,
  { tools, special }: { tools: readonly CallableTool[]; special: boolean },
): Holder {
  const tags = special ? tagsOf(syntax) : [];
  const tokenizer = createTokenizer(tokenizerWith(tags));
  const size = Math.max(...tokenizer.added.map(({ id }) => id)) + 1;
  const constraints = new Constraints(vocabularyData(size, (id) => tokenizer.bytes(id)));
  const endId = tokenizer.idOf('<|endoftext|>') ?? 0;
  // The token behind the arguments of a call on a channel ends the answer.
  const ends = syntax.channels === undefined ? [] : [syntax.afterArguments];
  const specials = Object.fromEntries(
    tags.map((tag) => [tag, ends.includes(tag) ? null : (tokenizer.idOf(tag) ?? null)]),
  );
  const spec = {
    type: 'tool_calls' as const,
    mode: 'auto' as const,
    tools,
    parallel: true,
    syntax,
    specials,
  };
  const stopIds = [endId];
  return (text) => {
    const constraint = constraints.open(spec, { stopIds });
    const logits = new Float32Array(size);
    for (const id of [...tokenizer.encode(text, { addSpecial: false }), endId]) {
      logits.fill(0);
      if (constraint.finished) return id === endId;
      constraint.allow(logits);
      if (logits[id] !== 0) return false;
      if (id !== endId) constraint.advance(id);
    }
    return true;
  };
}

/** Tags in the texts of a syntax. */
function tagsOf(syntax: CallSyntax): string[] {
  const tags = textsOf(syntax).flatMap((text) => text.match(/<[^<>\s"=]+>|\[[A-Z_]+\]/g) ?? []);
  return [...new Set(tags)];
}
