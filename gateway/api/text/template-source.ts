// Rewrites the parts of a template's source that the library's parser lacks or reads differently than Jinja.

const GENERATION = /\{%(-?)\s*(end)?generation\s*(-?)%\}/g;
const RAW = /(^[ \t]*)?\{%(-?)\s*raw\s*(-?)%\}([\s\S]*?)(^[ \t]*)?\{%(-?)\s*endraw\s*(?:-(%\})\s*|%\}\n?)/gm;

/** The source to parse in place of `source`. */
export function prepared(source: string): string {
  return (
    source
      // Jinja reads all line ends as \n.
      .replace(/\r\n?/g, '\n')
      // The library drops the tags of a generation block before it strips white space. Jinja's block has its own scope, as a filter has.
      .replace(GENERATION, (_, left: string, end: string | undefined, right: string) =>
        end === undefined ? `{%${left} filter string ${right}%}` : `{%${left} endfilter ${right}%}`,
      )
      .replace(RAW, rawText)
  );
}

/** A raw block as an expression that is its text. */
function rawText(...parts: (string | undefined)[]): string {
  const [, , left, afterRaw, body = '', , beforeEnd, afterEnd] = parts;
  const begun = afterRaw === '-' ? body.trimStart() : body;
  const text = beforeEnd === '-' ? begun.trimEnd() : begun;
  const literal = text.replace(/["\\]/g, '\\$&').replaceAll('\n', '\\n');
  // The indents before the two tags are dropped, as they are before any block.
  return `{{${left} "${literal}" ${afterEnd === undefined ? '' : '-'}}}`;
}
