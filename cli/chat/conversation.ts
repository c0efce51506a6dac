// A conversation so far, and the request for its next answer. Knows no gateway and no terminal.
import type { ChatMessage, ChatRequest } from './client.ts';

export type ChatSettings = Pick<ChatRequest, 'temperature' | 'max_tokens' | 'seed'>;

export class Conversation {
  model: string;
  /** System message. */
  system: string | undefined;
  readonly #settings: ChatSettings;
  #exchanges: { question: string; answer: string }[] = [];
  /** The last question, if it got no answer. */
  #unanswered: string | undefined;
  /** How often the last question was asked again. */
  #retries = 0;

  constructor({
    model,
    system,
    settings,
  }: { model: string; system: string | undefined; settings: ChatSettings }) {
    this.model = model;
    this.system = system;
    this.#settings = settings;
  }

  get messages(): ChatMessage[] {
    const said = this.#exchanges.flatMap(({ question, answer }): ChatMessage[] => [
      { role: 'user', content: question },
      { role: 'assistant', content: answer },
    ]);
    return this.system === undefined ? said : [{ role: 'system', content: this.system }, ...said];
  }

  ask(question: string): ChatRequest {
    this.#retries = 0;
    return this.#request(question);
  }

  /**
   * The last question again, replacing its answer; undefined if there is none. A seed is increased each time, because the same seed
   * would give the same answer.
   */
  askAgain(): ChatRequest | undefined {
    const question = this.#unanswered ?? this.#exchanges.pop()?.question;
    if (question === undefined) return undefined;
    this.#retries++;
    return this.#request(question);
  }

  /** Adds the answer to the last question, as far as it came. */
  answered(answer: string): void {
    if (this.#unanswered === undefined) throw new Error('there is no question to answer');
    this.#exchanges.push({ question: this.#unanswered, answer });
    this.#unanswered = undefined;
  }

  clear(): void {
    this.#exchanges = [];
    this.#unanswered = undefined;
  }

  /** A question without an answer is not part of the conversation, but can be asked again. */
  #request(question: string): ChatRequest {
    this.#unanswered = question;
    const { seed } = this.#settings;
    return {
      model: this.model,
      messages: [...this.messages, { role: 'user', content: question }],
      ...this.#settings,
      ...(seed !== undefined && { seed: seed + this.#retries }),
    };
  }
}
