// Specifications of constraints: plain data, which the API makes from requests and the engine compiles.

/** How a model writes a tool call: `begin`, then a JSON object with the tool's name and arguments, then `end`. */
export interface CallSyntax {
  /** For example `<tool_call>\n`. */
  begin: string;
  /** For example `\n</tool_call>`. */
  end: string;
  /** Key of the tool's name, which comes first in the object. */
  nameKey: string;
  /** Key of the arguments, which come second. */
  argumentsKey: string;
  /** Text between two calls. */
  separator: string;
}

export interface CallableTool {
  name: string;
  /** JSON Schema of the arguments, as JSON text. If undefined, the arguments are any object. */
  parameters?: string;
  /** Unsupported keywords of the schema are left out. If undefined, they cause a fault. */
  relaxed?: true;
}

/** The source of a grammar. */
export type GrammarSpec =
  /** Any JSON object. */
  | { type: 'json_object' }
  /** A JSON value. `schema` is the JSON text of a schema. `relaxed`: unsupported keywords of the schema are left out. */
  | { type: 'json_schema'; schema: string; relaxed?: true }
  /** An answer that matches a regular expression of ECMAScript from beginning to end. */
  | { type: 'regex'; pattern: string }
  | { type: 'choice'; choices: readonly string[] }
  /** A grammar in EBNF, or in GBNF as llama.cpp and vLLM accept it. It begins at the rule `root`. */
  | { type: 'grammar'; grammar: string }
  /**
   * Calls of tools. With `required`, the answer is calls and nothing else. With `auto`, the answer is free text, in which `begin`
   * starts a call. `parallel`: more than one call may come.
   */
  | {
      type: 'tool_calls';
      mode: 'auto' | 'required';
      tools: readonly CallableTool[];
      parallel: boolean;
      syntax: CallSyntax;
      /**
       * Only with `auto`: if present, the answer is either calls and nothing else, or a text of this grammar, instead of free text.
       */
      content?: GrammarSpec;
    };

/** A grammar that reader.ts has read from a specification. */
export interface PackedGrammar {
  /** Equal for equal specifications. */
  key: string;
  /** The bytes of the grammar (see packed.ts), in memory that threads share. */
  packed: SharedArrayBuffer;
}

export type ReadSpec = { type: 'read' } & PackedGrammar;

export type ConstraintSpec =
  /** Only these ids may come. The model's stop ids may come only if they are listed. */
  | { type: 'ids'; ids: readonly number[] }
  | GrammarSpec
  | ReadSpec
  /**
   * Thinking, which may be any tokens and ends with the ids `end`, then an answer to which `then` applies. After `budget` tokens
   * of thinking, the ids `end` are forced. `open`: the prompt has already begun the thinking. If `open` is false, thinking begins
   * only if the ids `begin` come first.
   */
  | {
      type: 'thinking';
      budget: number | undefined;
      open: boolean;
      begin: readonly number[];
      end: readonly number[];
      then?: ConstraintSpec;
    };

/** The part of a specification from which a grammar must be read. Undefined if there is none, or if the grammar was read before. */
export function grammarIn(spec: ConstraintSpec | undefined): GrammarSpec | undefined {
  if (spec === undefined || spec.type === 'ids' || spec.type === 'read') return undefined;
  return spec.type === 'thinking' ? grammarIn(spec.then) : spec;
}

/** Replaces the source of the grammar, which may be large, by the grammar that was read from the source. */
export function withRead(spec: ConstraintSpec, { key, packed }: PackedGrammar): ConstraintSpec {
  if (spec.type === 'ids') return spec;
  if (spec.type !== 'thinking') return { type: 'read', key, packed };
  const then = spec.then && withRead(spec.then, { key, packed });
  return then === undefined ? spec : { ...spec, then };
}
