// Reads arguments that are a JSON object.
import { JsonValueEnd } from '../json-value-end.ts';
import { spaceBefore } from '../tags.ts';
import type { ReadArguments } from './reader.ts';

export class JsonReader {
  readonly #end = new JsonValueEnd();
  #begun = false;

  read(text: string): ReadArguments {
    const space = this.#begun ? 0 : spaceBefore(text);
    const value = text.slice(space);
    if (value === '') return { taken: space, json: '', done: false };
    this.#begun = true;
    const end = this.#end.find(value);
    const json = value.slice(0, end);
    return { taken: space + json.length, json, done: end !== undefined };
  }
}
