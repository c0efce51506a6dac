// Python's `datetime.now().strftime(format)` in the C locale, for local time without a time zone.
import { TemplateError } from './values.ts';

const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const MONTHS = [
  ...['January', 'February', 'March', 'April', 'May', 'June', 'July'],
  ...['August', 'September', 'October', 'November', 'December'],
];
const DAY_MS = 86_400_000;

const pad = (value: number, width = 2, fill = '0') => String(value).padStart(width, fill);
const twelve = (date: Date) => date.getHours() % 12 || 12;

/** Days since January 1, counted in UTC, because local days may have 23 or 25 hours. */
function dayOfYear(date: Date): number {
  const day = Date.UTC(date.getFullYear(), date.getMonth(), date.getDate());
  return Math.round((day - Date.UTC(date.getFullYear(), 0, 1)) / DAY_MS);
}

/** Number of weeks that have begun in the year up to `date`. A week begins on the weekday `first` (0 is Sunday). */
function weekOfYear(date: Date, first: number): number {
  return Math.floor((dayOfYear(date) + 7 - ((date.getDay() - first + 7) % 7)) / 7);
}

/** Year and week by ISO 8601, in which a week belongs to the year of its Thursday. */
function isoWeek(date: Date): { year: number; week: number } {
  const thursday = new Date(
    date.getFullYear(),
    date.getMonth(),
    date.getDate() + 3 - ((date.getDay() + 6) % 7),
  );
  return { year: thursday.getFullYear(), week: Math.floor(dayOfYear(thursday) / 7) + 1 };
}

/** By letter: the directives that Python documents, and those of C that Python supports on every platform. */
const directives: Readonly<Record<string, (date: Date) => string>> = {
  a: (date) => strftime(date, '%A').slice(0, 3),
  A: (date) => DAYS[date.getDay()] ?? '',
  w: (date) => String(date.getDay()),
  d: (date) => pad(date.getDate()),
  b: (date) => strftime(date, '%B').slice(0, 3),
  h: (date) => strftime(date, '%b'),
  B: (date) => MONTHS[date.getMonth()] ?? '',
  m: (date) => pad(date.getMonth() + 1),
  y: (date) => pad(date.getFullYear() % 100),
  Y: (date) => String(date.getFullYear()),
  C: (date) => pad(Math.floor(date.getFullYear() / 100)),
  H: (date) => pad(date.getHours()),
  I: (date) => pad(twelve(date)),
  p: (date) => (date.getHours() < 12 ? 'AM' : 'PM'),
  M: (date) => pad(date.getMinutes()),
  S: (date) => pad(date.getSeconds()),
  f: (date) => pad(date.getMilliseconds() * 1000, 6),
  z: () => '',
  Z: () => '',
  j: (date) => pad(dayOfYear(date) + 1, 3),
  U: (date) => pad(weekOfYear(date, 0)),
  W: (date) => pad(weekOfYear(date, 1)),
  G: (date) => String(isoWeek(date).year),
  u: (date) => String(date.getDay() || 7),
  V: (date) => pad(isoWeek(date).week),
  e: (date) => pad(date.getDate(), 2, ' '),
  n: () => '\n',
  t: () => '\t',
  '%': () => '%',
  c: (date) => strftime(date, '%a %b %e %H:%M:%S %Y'),
  x: (date) => strftime(date, '%m/%d/%y'),
  X: (date) => strftime(date, '%T'),
  D: (date) => strftime(date, '%x'),
  F: (date) => strftime(date, '%Y-%m-%d'),
  R: (date) => strftime(date, '%H:%M'),
  T: (date) => strftime(date, '%H:%M:%S'),
  r: (date) => strftime(date, '%I:%M:%S %p'),
};

/** Throws for unknown directives, among them the extensions of glibc, such as `%-d`. */
export function strftime(date: Date, format: string): string {
  return format.replace(/%([\s\S]?)/gu, (directive, letter: string) => {
    const write = Object.hasOwn(directives, letter) ? directives[letter] : undefined;
    if (write !== undefined) return write(date);
    throw new TemplateError(
      `strftime_now: the directive ${directive} is not supported. Supported are ${knownDirectives}`,
    );
  });
}

const knownDirectives = Object.keys(directives)
  .map((letter) => `%${letter}`)
  .join(' ');
