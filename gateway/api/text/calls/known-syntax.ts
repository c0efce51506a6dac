// The interface of a syntax of tool calls. One file of this folder describes each syntax, and syntaxes.ts lists them.
import type { CallSyntax } from '../../../constraints/specification.ts';

export interface KnownSyntax {
  /** Short and unique. */
  name: string;
  /** Describes the syntax in error messages. */
  title: string;
  /** The syntax as the template shows it. Undefined if the template shows another one, or none. */
  find(template: TemplateText): CallSyntax | undefined;
}

export interface TemplateText {
  /** The template's source. */
  source: string;
  /** Names of the tokenizer's special tokens. */
  specials: readonly string[];
}

/** Whether the template writes this key in JSON. The quotes are escaped if the template writes the key within a Jinja string. */
export function hasKey({ source }: TemplateText, key: string): boolean {
  return new RegExp(`\\\\?"${key}\\\\?":`).test(source);
}

/** Tags of Hunyuan, whose templates also contain those of other models. */
export function isHunyuan({ source }: TemplateText): boolean {
  return source.includes('<tool_sep>');
}

/** Whether the template contains all of these texts. */
export function hasAll({ source }: TemplateText, ...texts: readonly string[]): boolean {
  return texts.every((text) => source.includes(text));
}

/** The fields of a syntax in which a call is a JSON object of a name and arguments, under these keys. */
export function jsonObject(keys: {
  name: string;
  arguments: string;
}): Pick<CallSyntax, 'beforeName' | 'name' | 'beforeArguments' | 'arguments' | 'afterArguments'> {
  return {
    beforeName: `{"${keys.name}": `,
    name: 'json',
    beforeArguments: `, "${keys.arguments}": `,
    arguments: { form: 'json' },
    afterArguments: '}',
  };
}
