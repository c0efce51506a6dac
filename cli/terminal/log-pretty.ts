// Formats a log line for a terminal, such as `12:34:56 warn  a shard is late shard=127.0.0.1:7001`. Pure.

const COLOURS: Readonly<Record<string, string>> = {
  trace: '\x1b[2m',
  debug: '\x1b[2m',
  info: '\x1b[32m',
  warn: '\x1b[33m',
  error: '\x1b[31m',
};
const DIM = '\x1b[2m';
const PLAIN = '\x1b[0m';

/** Returns a line unchanged if the line is not a JSON object with a level. */
export function prettyLine(line: string, { colour }: { colour: boolean }): string {
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
    return undefined; // not JSON
  }
}

/** Hours, minutes and seconds in local time. */
function clock(time: unknown): string {
  const date = new Date(String(time));
  return Number.isNaN(date.getTime()) ? '--:--:--' : date.toTimeString().slice(0, 8);
}

/** Quotes a text only if it contains spaces, quotes or `=`. */
function valueText(value: unknown): string {
  if (typeof value === 'string' && /^[^\s"=]+$/.test(value)) return printable(value);
  return printable(JSON.stringify(value));
}

/** The stack of an error, indented; its message if it has no stack; empty for other values. */
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
