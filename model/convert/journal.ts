// The journal of an unfinished bundle: which tasks are done, and their hashes. A resumed conversion reads it.
import { closeSync, openSync, readFileSync, truncateSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { InputError } from '../errors.ts';
import { lockFile } from '../file-lock.ts';
import { isPartErrors, type PartErrors } from './report/errors.ts';

export const JOURNAL_FILE = 'journal.jsonl';

export interface JournalEntry {
  id: number;
  hash: string;
  sourceHashes: string[];
  /** Errors of each part, if they were measured. */
  errors?: PartErrors[];
}

/** Entries of an earlier run of the same plan, by task, and a file that is open for new entries. */
export interface Journal {
  entries: ReadonlyMap<number, JournalEntry>;
  append(entry: JournalEntry): void;
  close(): void;
}

/**
 * Opens the journal of `dir`. Its first line identifies the plan. The journal of another plan (another source or precision) is
 * refused, because its work cannot be used here but may still be needed. A journal that another process has open is refused
 * too, because the two processes would overwrite each other's work. A last line that a kill cut short is dropped. After a power
 * loss, the journal may have an entry whose data did not reach the disk. The entry's hash then shows that.
 */
export function openJournal(dir: string, plan: string): Journal {
  const path = join(dir, JOURNAL_FILE);
  const descriptor = openSync(path, 'a+');
  if (lockFile(descriptor) === false) {
    closeSync(descriptor);
    throw new InputError(
      `${dir}: another process is writing it: wait for that process, or choose another directory`,
    );
  }
  const text = readFileSync(path, 'utf8');
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  if (whole.length < text.length) truncateSync(path, Buffer.byteLength(whole));
  const [first, ...lines] = whole.split('\n').slice(0, -1);
  if (first === undefined) writeSync(descriptor, `${JSON.stringify({ plan })}\n`);
  else if (first !== JSON.stringify({ plan })) {
    closeSync(descriptor);
    throw new InputError(
      `${dir}: was begun from another source or with other settings: delete it to start afresh`,
    );
  }
  const entries = new Map<number, JournalEntry>();
  for (const line of lines) {
    const entry = parseEntry(line);
    if (entry !== undefined) entries.set(entry.id, entry);
  }
  return {
    entries,
    append: (entry) => void writeSync(descriptor, `${JSON.stringify(entry)}\n`),
    close: () => closeSync(descriptor),
  };
}

/** A line that a crash garbled is ignored, so its task is done again. */
function parseEntry(line: string): JournalEntry | undefined {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
  if (typeof json !== 'object' || json === null) return undefined;
  const { id, hash, sourceHashes, errors }: Record<string, unknown> = { ...json };
  if (typeof id !== 'number' || typeof hash !== 'string' || !Array.isArray(sourceHashes)) return undefined;
  const entry = { id, hash, sourceHashes: sourceHashes.map(String) };
  return Array.isArray(errors) && errors.every(isPartErrors) ? { ...entry, errors } : entry;
}
