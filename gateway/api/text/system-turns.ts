// Handles system messages in the middle of a conversation. If the chat template refuses them or leaves them out, they become user
// messages.
import type { ChatTemplate, TemplateMessage } from './template.ts';

/** System messages after a message with another role become user messages, unless the template shows them there. */
export function placeSystemTurns(
  messages: readonly TemplateMessage[],
  template: ChatTemplate,
): TemplateMessage[] {
  const first = messages.findIndex(({ role }) => role !== 'system');
  const later = messages.slice(Math.max(first, 0)).some(({ role }) => role === 'system');
  if (first < 0 || !later || showsLaterSystem(template)) return [...messages];
  const placed: TemplateMessage[] = [];
  let leading = true;
  for (const message of messages) {
    leading &&= message.role === 'system';
    const next: TemplateMessage =
      message.role === 'system' && !leading ? { ...message, role: 'user' } : message;
    const joined = joinedUsers(placed.at(-1), next);
    if (joined === undefined) placed.push(next);
    else placed[placed.length - 1] = joined;
  }
  return placed;
}

/** Joins consecutive user messages, because templates may require that user and assistant alternate. */
function joinedUsers(last: TemplateMessage | undefined, next: TemplateMessage): TemplateMessage | undefined {
  if (last?.role !== 'user' || next.role !== 'user' || last.name !== next.name) return undefined;
  return { ...last, content: `${last.content ?? ''}\n${next.content ?? ''}` };
}

const known = new WeakMap<ChatTemplate, boolean>();

function showsLaterSystem(template: ChatTemplate): boolean {
  const shows = known.get(template) ?? probed(template);
  known.set(template, shows);
  return shows;
}

/**
 * Two test conversations. A template shows system messages in the middle of a conversation if it writes every text of both. Templates
 * may require that users and assistants alternate. They do in the first conversation if system messages count as an assistant's, and
 * in the second one if the system message is left out. No template contains these texts itself.
 */
const probes = [
  ['user', 'system', 'user', 'assistant', 'user', 'system'],
  ['user', 'assistant', 'system', 'user', 'assistant'],
].map((roles) =>
  roles.map((role, i) => ({ role, content: `probe-${i}-of-system-turns` }) as TemplateMessage),
);

function probed(template: ChatTemplate): boolean {
  try {
    return probes.every((messages) => {
      const text = template.render({ messages });
      return messages.every(({ content }) => text.includes(content ?? ''));
    });
  } catch {
    return false; // The template raises for a role that it does not expect.
  }
}
