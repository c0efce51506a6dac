// Formats a log line for a terminal: `12:34:56 warn  what happened  field=value`. Pure.

export interface PrettyOptions {
  colour: boolean;
}

const COLOURS: Readonly<Record<string, string>> = {
  trace: '\x1b[2m',
  debug: '\x1b[2m',
  info: '\x1b[32m',
  warn: '\x1b[33m',
  error: '\x1b[31m',
};
const DIM = '\x1b[2m';
const PLAIN = '\x1b[0m';

/** A line that is not from our log is returned unchanged. */
export function prettyLine(line: string, { colour }: PrettyOptions): string {
  const event = parsed(line);
  if (event === undefined) return line;
  const { time, level, msg, err, ...fields } = event;
  const paint = (text: string, code = '') => (colour && code !== '' ? `${code}${text}${PLAIN}` : text);
  const name = String(level);
  const words = [
    paint(clock(time), DIM),
    paint(name.padEnd(5), COLOURS[name]),
    ...(msg === undefined ? [] : [printable(String(msg))]),
    ...Object.entries(fields).map(([key, value]) => paint(`${key}=${valueText(value)}`, DIM)),
  ];
  return `${words.join(' ')}\n${stackOf(err)}`;
}

function parsed(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && 'level' in value ? { ...value } : undefined;
  } catch {
    return undefined; // the caller prints it as it stands
  }
}

/** Hours, minutes and seconds in local time. */
function clock(time: unknown): string {
  const date = new Date(String(time));
  if (Number.isNaN(date.getTime())) return '--:--:--';
  return [date.getHours(), date.getMinutes(), date.getSeconds()]
    .map((part) => String(part).padStart(2, '0'))
    .join(':');
}

/** Texts without spaces and quotes are not quoted. */
function valueText(value: unknown): string {
  if (typeof value === 'string' && /^[^\s"=]+$/.test(value)) return printable(value);
  return printable(JSON.stringify(value));
}

/** The stack of an error, indented, or its message if it has no stack. */
function stackOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return '';
  const { stack, message }: { stack?: unknown; message?: unknown } = error;
  const text = typeof stack === 'string' ? stack : String(message ?? '');
  return text
    .split('\n')
    .map((each) => `    ${printable(each)}\n`)
    .join('');
}

/** Escapes control characters, because a peer may have written parts of a message. */
function printable(text: string): string {
  const escaped = (character: string) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
  return text.replace(/\p{Cc}/gu, escaped);
}
