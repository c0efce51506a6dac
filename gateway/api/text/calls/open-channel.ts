// Finds whether a prompt ends within a message on a channel, because the answer continues that message.
import type { Channels } from '../../../constraints/specification.ts';

/** The channel of the message within which the prompt ends. Undefined: the answer begins with a header. */
export function openChannel(prompt: string, { start, channel, message, end }: Channels): string | undefined {
  const last = prompt.slice(prompt.lastIndexOf(start));
  const at = last.indexOf(message);
  if (!last.startsWith(start) || at < 0 || last.includes(end)) return undefined;
  const [, name = ''] = last.slice(0, at).split(channel);
  return name.trim();
}
