// Chat templates for tests, over the special tokens of tokenizer.ts: nano's own, one that thinks, one that shows documents.
import { readFileSync } from 'node:fs';

const nano: { chat_template: string } = JSON.parse(
  readFileSync(new URL('../../../models/nano/tokenizer_config.json', import.meta.url), 'utf8'),
);

/** Knows tools, called as Hermes has them. */
export const TOOL_TEMPLATE = nano.chat_template;

const LOOP =
  "{% for m in messages %}<|{{ m.role }}|>{{ (m.content or '').split('</think>')[-1] }}<|end|>{% endfor %}<|assistant|>";

/** As Qwen3's: thinking may begin, unless `enable_thinking` is false. */
export const THINKING_TEMPLATE = `${LOOP}{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n\n{% endif %}`;

/** As DeepSeek-R1's: thinking has begun. */
export const OPEN_THINKING_TEMPLATE = `${LOOP}<think>\n`;

/** Thinks, and calls tools. */
export const THINKING_TOOL_TEMPLATE = `${TOOL_TEMPLATE}{# </think> #}`;

export const DOCUMENT_TEMPLATE =
  '{% for d in documents or [] %}[{{ d.title }}|{{ d | tojson }}]{% endfor %}' +
  "{% for m in messages %}<|{{ m.role }}|>{{ m.name or '' }}{{ m.content }}{{ '<|end|>' }}{% endfor %}{{ mood }}<|assistant|>";
