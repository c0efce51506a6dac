// System messages in the middle of a conversation: kept where they stand if the chat template shows them there, and told in the
// words of the user if it refuses them or leaves them out. Knows no request and no tokens.
import type { ChatTemplate, TemplateMessage } from './template.ts';

/** Messages as the template can show them. Leading system messages stay as they are. */
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

/** Templates may insist that turns of user and assistant alternate. */
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

/** One where turns would alternate if a system message were the assistant's, one where they would not; in words that no template writes by itself. */
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
    return false; // it raises on a role that it does not expect
  }
}
