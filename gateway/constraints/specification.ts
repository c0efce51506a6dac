// The plain data from which a constraint is compiled. It can be sent between threads.

/** How a model writes a tool call: `begin`, a JSON object with name and arguments, `end`. */
export interface CallSyntax {
  /** Such as `<tool_call>\n`. */
  begin: string;
  /** Such as `\n</tool_call>`. */
  end: string;
  /** Keys of the object, in this order. */
  nameKey: string;
  argumentsKey: string;
  /** Text between two calls. */
  separator: string;
}

export interface CallableTool {
  name: string;
  /** JSON Schema of the arguments, as JSON text. Undefined for any object. */
  parameters?: string;
  /** Unsupported keywords of the schema are left out. Without this they are a fault. */
  relaxed?: true;
}

/** The source of a grammar. */
export type GrammarSpec =
  /** Any JSON object. */
  | { type: 'json_object' }
  /** JSON text of a schema. `relaxed`: unsupported keywords are left out. */
  | { type: 'json_schema'; schema: string; relaxed?: true }
  /** A regular expression of ECMAScript that the whole answer matches. */
  | { type: 'regex'; pattern: string }
  | { type: 'choice'; choices: readonly string[] }
  /** EBNF, or GBNF as llama.cpp and vLLM accept it. Begins at `root`. */
  | { type: 'grammar'; grammar: string }
  /**
   * `required`: the answer is calls of these tools and nothing else. `auto`: free text, in which `begin`
   * starts a call that is then held to its syntax. `parallel`: more than one call may come.
   */
  | {
      type: 'tool_calls';
      mode: 'auto' | 'required';
      tools: readonly CallableTool[];
      parallel: boolean;
      syntax: CallSyntax;
      /**
       * Only with `auto`. If present, the answer is either calls and nothing else, or what this grammar
       * allows. If absent, the answer is free text and calls.
       */
      content?: GrammarSpec;
    };

/** A grammar that was read before; see reader.ts. */
export interface PackedGrammar {
  /** Equal for equal specifications. */
  key: string;
  /** Memory that threads share, so that the grammar is in memory once; see packed.ts. */
  packed: SharedArrayBuffer;
}

export type ReadSpec = { type: 'read' } & PackedGrammar;

export type ConstraintSpec =
  /** Only these ids may come. The model's own stop ids must be among them to be allowed. */
  | { type: 'ids'; ids: readonly number[] }
  | GrammarSpec
  | ReadSpec
  /**
   * Thinking may be any tokens. It ends with the ids `end`; from there on `then` applies. After `budget`
   * tokens `end` is forced; the tokens of `end` are not counted. `open`: the prompt has begun the thinking
   * already. If not `open`, thinking begins only if `begin` comes first.
   */
  | {
      type: 'thinking';
      budget: number | undefined;
      open: boolean;
      begin: readonly number[];
      end: readonly number[];
      then?: ConstraintSpec;
    };

/** The part of a specification that needs a grammar. Undefined if there is none, or if it was read before. */
export function grammarIn(spec: ConstraintSpec | undefined): GrammarSpec | undefined {
  if (spec === undefined || spec.type === 'ids' || spec.type === 'read') return undefined;
  return spec.type === 'thinking' ? grammarIn(spec.then) : spec;
}

/** The specification with the grammar that was read, instead of its source, which may be large. */
export function withRead(spec: ConstraintSpec, { key, packed }: PackedGrammar): ConstraintSpec {
  if (spec.type === 'ids') return spec;
  if (spec.type !== 'thinking') return { type: 'read', key, packed };
  const then = spec.then && withRead(spec.then, { key, packed });
  return then === undefined ? spec : { ...spec, then };
}
