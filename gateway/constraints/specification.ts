// What crosses threads: plain data that a constraint is compiled from. Knows no library and no tokenizer.

/** How a model writes a call of a tool: `begin`, a JSON object with name and arguments, `end`. */
export interface CallSyntax {
  /** Such as `<tool_call>\n`. */
  begin: string;
  /** Such as `\n</tool_call>`. */
  end: string;
  /** Keys of the object, in this order. */
  nameKey: string;
  argumentsKey: string;
  /** Between calls. */
  separator: string;
}

export interface CallableTool {
  name: string;
  /** JSON Schema of the arguments, as JSON text; undefined: any object. */
  parameters?: string;
  /** What cannot be held of the schema is left out. Absent: it is a fault. */
  relaxed?: true;
}

/** What a grammar is made from. */
export type GrammarSpec =
  /** Any JSON object. */
  | { type: 'json_object' }
  /** JSON text of a schema. `relaxed`: what cannot be held of it is left out. */
  | { type: 'json_schema'; schema: string; relaxed?: true }
  /** ECMAScript's; the whole answer matches. */
  | { type: 'regex'; pattern: string }
  | { type: 'choice'; choices: readonly string[] }
  /** EBNF (GBNF as llama.cpp and vLLM take it); begins at `root`. */
  | { type: 'grammar'; grammar: string }
  /**
   * `required`: the answer is calls of these tools and nothing else. `auto`: free text, in which `begin` starts a call that
   * is then held to its syntax. `parallel`: more than one call may come.
   */
  | {
      type: 'tool_calls';
      mode: 'auto' | 'required';
      tools: readonly CallableTool[];
      parallel: boolean;
      syntax: CallSyntax;
      /** With `auto`: the answer is calls and nothing else, or this. Absent: free text and calls. */
      content?: GrammarSpec;
    };

/** A grammar that was read already; see reader.ts. */
export interface PackedGrammar {
  /** The same for equal specifications. */
  key: string;
  /** Shared between threads, so that it is in memory once; see packed.ts. */
  packed: SharedArrayBuffer;
}

export type ReadSpec = { type: 'read' } & PackedGrammar;

export type ConstraintSpec =
  /** Only these ids may ever come (the model's own stop ids must be named to be allowed). */
  | { type: 'ids'; ids: readonly number[] }
  | GrammarSpec
  | ReadSpec
  /**
   * Anything until the ids `end` have come, at most `budget` tokens (then `end` is forced, not counted); from there on
   * `then`. `open`: the prompt has begun the thinking already; otherwise it begins only where `begin` comes first.
   */
  | {
      type: 'thinking';
      budget: number | undefined;
      open: boolean;
      begin: readonly number[];
      end: readonly number[];
      then?: ConstraintSpec;
    };

/** What an answer is held to by a grammar, if it is; undefined: by none, or by one that was read already. */
export function grammarIn(spec: ConstraintSpec | undefined): GrammarSpec | undefined {
  if (spec === undefined || spec.type === 'ids' || spec.type === 'read') return undefined;
  return spec.type === 'thinking' ? grammarIn(spec.then) : spec;
}

/** The same with the grammar that was read in the place of what it was read from: that may be large. */
export function withRead(spec: ConstraintSpec, { key, packed }: PackedGrammar): ConstraintSpec {
  if (spec.type === 'ids') return spec;
  if (spec.type !== 'thinking') return { type: 'read', key, packed };
  const then = spec.then && withRead(spec.then, { key, packed });
  return then === undefined ? spec : { ...spec, then };
}
