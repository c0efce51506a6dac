// The state of a chat: its messages so far, and the request for the next answer.
import type { ChatMessage, ChatRequest } from './client.ts';

export type ChatSettings = Pick<ChatRequest, 'temperature' | 'max_tokens' | 'seed'>;

export class Conversation {
  model: string;
  /** System message. Undefined: none. */
  system: string | undefined;
  readonly #settings: ChatSettings;
  #exchanges: { question: string; answer: string }[] = [];
  /** The last question, if it has no answer yet. */
  #unanswered: string | undefined;
  /** Number of times the last question was asked again. */
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
   * Asks the last question again and forgets its answer. Returns undefined if there is no question. Each time, the seed is increased
   * by one, because the same seed would give the same answer.
   */
  askAgain(): ChatRequest | undefined {
    const question = this.#unanswered ?? this.#exchanges.pop()?.question;
    if (question === undefined) return undefined;
    this.#retries++;
    return this.#request(question);
  }

  /** Adds the answer to the last question. The answer may be incomplete. */
  answered(answer: string): void {
    if (this.#unanswered === undefined) throw new Error('there is no question to answer');
    this.#exchanges.push({ question: this.#unanswered, answer });
    this.#unanswered = undefined;
  }

  clear(): void {
    this.#exchanges = [];
    this.#unanswered = undefined;
  }

  /** A question without an answer is not in `messages`, but `askAgain` can repeat it. */
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
