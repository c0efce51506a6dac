// Reads the arguments of one call, in the form in which a model writes them, and makes JSON text of them while they arrive.
import type { ArgumentsForm, CallableTool } from '../../../../constraints/specification.ts';
import { ElementsReader } from './elements.ts';
import { JsonReader } from './json.ts';
import { PythonReader } from './python.ts';

/** What a reader has read of a text. */
export interface ReadArguments {
  /** Number of code units that were read. The text behind them must be given again. */
  taken: number;
  /** The next piece of the JSON text. */
  json: string;
  /** The arguments are complete. */
  done: boolean;
}

export interface ArgumentsReader {
  /** Reads as much as possible of a text that begins where the last one was left. Never throws. */
  read(text: string): ReadArguments;
}

/** `tool` is undefined if the model calls a tool that was not offered. */
export function argumentsReader(form: ArgumentsForm, tool: CallableTool | undefined): ArgumentsReader {
  switch (form.form) {
    case 'json':
      return new JsonReader();
    case 'python':
      return new PythonReader();
    case 'elements':
      return new ElementsReader(form, tool?.kinds);
  }
}
