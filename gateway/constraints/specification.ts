// Specifications of constraints: plain data, which the API makes from requests and the engine compiles.

/**
 * How a model writes tool calls, as plain data, from which the grammar and the parser are made:
 *   begin, call, between, call, …, end      (a group of calls)
 *   beforeName, name, beforeArguments, arguments, afterArguments      (a call)
 * A space after a colon or a comma is optional, and so is a line break that is not next to the value of an argument. `specials` of the specification says which parts of the texts are special tokens.
 *
 * Worked example: Mistral's `[TOOL_CALLS] [{"name": "f", "arguments": {}}]` has the marker `[TOOL_CALLS]`, `begin: '[TOOL_CALLS] ['`,
 * `beforeName: '{"name": '`, `name: 'json'`, `beforeArguments: ', "arguments": '`, `afterArguments: '}'`, `between: ', '`, `end: ']'`.
 */
export interface CallSyntax {
  /**
   * The text after which free text must go on with a call. It is the first part of `opener`, or of `begin` and `beforeName`. `''`: free
   * text contains no calls; they may only come at the start of an answer.
   */
  marker: string;
  /** Calls are also recognised without a marker, but only at the start of an answer. */
  atStart?: true;
  /** A text that may come before the group. */
  opener?: string;
  begin: string;
  beforeName: string;
  /** `plain`: the name itself. `json`: the name as a JSON string. */
  name: 'plain' | 'json';
  beforeArguments: string;
  arguments: ArgumentsForm;
  afterArguments: string;
  /** Calls may have ids, which have no meaning. */
  id?: CallId;
  between: string;
  end: string;
  /** At most one call comes in an answer. */
  single?: true;
  /** Absent: an answer is plain text with calls in it. */
  channels?: Channels;
  /** Only with channels: texts of a call whose header names the tool first. The model may write either form. */
  toolFirst?: Pick<CallSyntax, 'beforeName' | 'beforeArguments'>;
}

/** Nine letters or digits between two texts, directly after the name or the arguments. */
export interface CallId {
  after: 'name' | 'arguments';
  begin: string;
  end: string;
}

export type ArgumentsForm =
  /** A JSON object. */
  | { form: 'json' }
  /** Keyword arguments of Python, such as `a=1, b="x"`. */
  | { form: 'python' }
  /** For each argument `beforeKey`, its name, `afterKey`, its value, `afterValue`. A string is written as it is, other values as JSON. */
  | { form: 'elements'; beforeKey: string; afterKey: string; afterValue: string };

/**
 * An answer consists of messages, each with a header: `channel`, the name of a channel, perhaps a recipient, `message`. `end` ends a
 * message and `start` begins the next one. A call is a message whose header names the tool.
 */
export interface Channels {
  start: string;
  channel: string;
  message: string;
  end: string;
  /** Names of the channels of thinking, of text next to calls, and of the answer. */
  thinking: string;
  commentary: string;
  final: string;
}

/**
 * How a string argument is told from other values in the form `elements`. `text`: the value is a string. `json`: the value is JSON that
 * is not a string. `either`: the value is JSON if it looks like JSON (see `looksLikeJson`), otherwise a string.
 */
export type ArgumentKind = 'text' | 'json' | 'either';

/** JSON of any kind but a string: an object, an array, null, true, false or a number. Strings that look so cannot be written as text. */
export const looksLikeJson = String.raw`^\s*(?:[{\[]|(?:null|true|false|-?\d[\d.eE+\-]*)\s*$)`;

export interface CallableTool {
  name: string;
  /** JSON Schema of the arguments, as JSON text. If undefined, the arguments are any object. */
  parameters?: string;
  /** Unsupported keywords of the schema are left out. If undefined, they cause a fault. */
  relaxed?: true;
  /** Only for the form `elements`: the kind of each declared argument. An argument that is not listed is `either`. */
  kinds?: Readonly<Record<string, ArgumentKind>>;
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
   * Calls of tools. With `required`, the answer is calls and nothing else. With `auto`, the answer is free text, in which the
   * syntax's marker starts calls. `parallel`: more than one call may come.
   */
  | {
      type: 'tool_calls';
      mode: 'auto' | 'required';
      tools: readonly CallableTool[];
      parallel: boolean;
      syntax: CallSyntax;
      /** Ids of the special tokens whose names are parts of the syntax's texts. null: the token ends an answer. Absent: there are none. */
      specials?: Readonly<Record<string, number | null>>;
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
