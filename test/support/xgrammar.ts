// Opens @mlc-ai/web-xgrammar, an independent implementation of masks with which ours are compared. No other file imports it.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { compileFunction, constants } from 'node:vm';
import type * as Library from '@mlc-ai/web-xgrammar';
import { byteSymbols } from './models/tokenizer.ts';

/** Loads the package. It is marked as an ES module but is none, so neither import nor require can load it in Node. */
function load(): typeof Library {
  const require = createRequire(import.meta.url);
  const file = require.resolve('@mlc-ai/web-xgrammar');
  const module: { exports: Partial<typeof Library> } = { exports: {} };
  const names = ['exports', 'module', 'require', '__filename', '__dirname'];
  const importModuleDynamically = constants.USE_MAIN_CONTEXT_DEFAULT_LOADER;
  const run = compileFunction(readFileSync(file, 'utf8'), names, { filename: file, importModuleDynamically });
  run(module.exports, module, require, file, dirname(file));
  return module.exports as typeof Library;
}

export interface OracleMatcher {
  /** Ids that may come next. */
  allowed(): Promise<number[]>;
  /** Whether the text may end here. */
  mayEnd(): Promise<boolean>;
  /** Appends a token. False if it is not allowed. */
  accept(id: number): boolean;
}

/**
 * Opens a vocabulary. `bytes` has the bytes of each id, which are empty for ids that are not text. `open` compiles EBNF
 * or a JSON Schema.
 */
export async function openOracle(bytes: readonly Uint8Array[]) {
  const { TokenizerInfo, GrammarCompiler, GrammarMatcher } = load();
  const symbols = byteSymbols();
  const vocabulary = bytes.map((each) => Array.from(each, (byte) => symbols[byte]).join(''));
  // One more id stands for the end. Its bit in a mask says whether the text may end.
  const end = vocabulary.length;
  const info = await TokenizerInfo.createTokenizerInfo([...vocabulary, ''], 'byte_level', false, end + 1, [
    end,
  ]);
  const compiler = await GrammarCompiler.createGrammarCompiler(info, false);
  const has = (mask: Int32Array, id: number) => (((mask[id >> 5] ?? 0) >>> (id & 31)) & 1) === 1;
  return {
    async open(source: { grammar: string } | { schema: string }): Promise<OracleMatcher> {
      const compiled =
        'grammar' in source
          ? await compiler.compileGrammar(source.grammar)
          : await compiler.compileJSONSchema(source.schema, true, -1, undefined, true, 1);
      const matcher = await GrammarMatcher.createGrammarMatcher(compiled);
      return {
        async allowed() {
          const mask = await matcher.getNextTokenBitmask();
          return Array.from(vocabulary.keys()).filter((id) => has(mask, id));
        },
        mayEnd: async () => has(await matcher.getNextTokenBitmask(), end),
        accept: (id) => matcher.acceptToken(id),
      };
    },
  };
}
