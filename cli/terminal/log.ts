// The log of the process on standard error: one line for each event, as JSON or as text for people.
import { type DestinationStream, type Logger, pino } from 'pino';
import { prettyLine } from './log-pretty.ts';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;
export const LOG_FORMATS = ['auto', 'pretty', 'json'] as const;

export type LogFormat = (typeof LOG_FORMATS)[number];

export interface LogFlags {
  logLevel: string;
  logFormat: LogFormat;
}

/** Lines are written synchronously, so that the last lines of a process that dies are not lost. */
export function createLogger({ logLevel: level, logFormat }: LogFlags): Logger {
  const formatters = { level: (label: string) => ({ level: label }) };
  const settings = { level, base: null, formatters, timestamp: pino.stdTimeFunctions.isoTime };
  const json = pino.destination({ fd: 2, sync: true });
  const { isTTY = false } = process.stderr;
  const pretty = logFormat === 'pretty' || (logFormat === 'auto' && isTTY);
  return pino(settings, pretty ? prettyStream(json, isTTY) : json);
}

function prettyStream(sink: DestinationStream, isTTY: boolean): DestinationStream {
  const colour = isTTY && (process.env.NO_COLOR ?? '') === '';
  // At a terminal, the current line may show a progress bar. The log line replaces it, and the next update draws the bar below.
  const clear = isTTY ? '\r\x1b[K' : '';
  return { write: (line) => sink.write(`${clear}${prettyLine(line, { colour })}`) };
}
