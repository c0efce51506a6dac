// What a chat template expects of the messages that it gets, read from its source.
export interface TemplateHabits {
  /** Messages with the role `tool`. */
  toolRole: boolean;
  /** Calls in messages of the assistant. */
  calls: boolean;
  /** Arguments of calls as JSON text, because the template joins them to other texts. DeepSeek's templates do. */
  textArguments: boolean;
  /** Thinking next to calls under the name `thinking`. GPT-OSS's template reads it so. */
  thinking: boolean;
  /**
   * `null` as the content of a message that contains only calls, because the template shows calls only then. Most other templates
   * fail for `null`, or write the word None.
   */
  nullContent: boolean;
  /** Ids of calls with nine letters or digits. Mistral's templates raise an exception for others. */
  shortIds: boolean;
}

const givenArguments = String.raw`function['"]?\]?(?:\.|\[['"])arguments(?:['"]\])?`;
const content = String.raw`message(?:\.content|\[['"]content['"]\]|\.get\(['"]content['"]\))`;
const patterns: Readonly<Record<keyof TemplateHabits, RegExp>> = {
  toolRole: /['"]tool['"]/,
  calls: /\btool_calls\b/,
  textArguments: new RegExp(String.raw`${givenArguments}\s*\+`),
  thinking: /\bmessage\.thinking\b/,
  nullContent: new RegExp(String.raw`['"]assistant['"] and ${content} is none\b`),
  shortIds: /\btool_call\.id\|length != 9\b/,
};

export function habitsOf(source: string): TemplateHabits {
  return {
    toolRole: patterns.toolRole.test(source),
    calls: patterns.calls.test(source),
    textArguments: patterns.textArguments.test(source),
    thinking: patterns.thinking.test(source),
    nullContent: patterns.nullContent.test(source),
    shortIds: patterns.shortIds.test(source),
  };
}

/** Short ids for the ids of calls: their numbers in the conversation, with nine digits. */
export class ShortIds {
  readonly #numbers = new Map<string, number>();

  of(id: string): string {
    const number = this.#numbers.get(id) ?? this.#numbers.size;
    this.#numbers.set(id, number);
    return String(number).padStart(9, '0');
  }
}
