// Chat templates for tests: with tools, with thinking and with documents. They use the special tokens of tokenizer.ts.
import { readFileSync } from 'node:fs';

const nano: { chat_template: string } = JSON.parse(
  readFileSync(new URL('../../../models/nano/tokenizer_config.json', import.meta.url), 'utf8'),
);

/** nano's own template, which has tools in the syntax of Hermes. */
export const TOOL_TEMPLATE = nano.chat_template;

const LOOP =
  "{% for m in messages %}<|{{ m.role }}|>{{ (m.content or '').split('</think>')[-1] }}<|end|>{% endfor %}<|assistant|>";

/** Like Qwen3's template: the model may think unless `enable_thinking` is false. */
export const THINKING_TEMPLATE = `${LOOP}{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n\n{% endif %}`;

/** Like DeepSeek-R1's template: the prompt already begins the thinking. */
export const OPEN_THINKING_TEMPLATE = `${LOOP}<think>\n`;

/** Has both thinking and tools. */
export const THINKING_TOOL_TEMPLATE = `${TOOL_TEMPLATE}{# </think> #}`;

export const DOCUMENT_TEMPLATE =
  '{% for d in documents or [] %}[{{ d.title }}|{{ d | tojson }}]{% endfor %}' +
  "{% for m in messages %}<|{{ m.role }}|>{{ m.name or '' }}{{ m.content }}{{ '<|end|>' }}{% endfor %}{{ mood }}<|assistant|>";
