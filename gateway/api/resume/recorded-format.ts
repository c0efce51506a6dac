// The format of a stream with a record: lines stand before each event, and tell the usage before the first and the last event. If the
// gateway cannot go on, one more line ends the stream here.
import { MOVED_LINE } from '../../../resume/record.ts';
import { USAGE_LINE, type UsageReport } from '../../../resume/usage-report.ts';
import type { EventFormat } from '../answers/sse.ts';
import { ApiError } from '../errors.ts';
import { RECORD_MISMATCH, type Recorder } from './recorder.ts';
import type { ReleasedBy } from './released.ts';

const MOVED = 'moved';

/** Ends the stream of a trusted caller, because this gateway leaves service. It is no failure: another gateway continues the stream. */
export class Moved extends ApiError {
  /** The gateway that has the keys and values of the stream. Undefined: no gateway has them. */
  readonly to: string | undefined;

  constructor(to: string | undefined) {
    super({ status: 200, message: 'Another gateway continues this stream.', code: MOVED });
    this.name = 'Moved';
    this.to = to;
  }
}

interface RecordOptions<Value> {
  recorder: Recorder;
  releasedBy: ReleasedBy<Value>;
  /** The usage so far. */
  usage: () => UsageReport;
}

export function withRecord<Value>(
  format: EventFormat<Value>,
  { recorder, releasedBy, usage }: RecordOptions<Value>,
): EventFormat<Value> {
  let isFirst = true;
  function event(value: Value, json: string): string {
    const told = isFirst || format.isLast?.(value) === true ? usageLine(usage()) : '';
    isFirst = false;
    return told + recorder.lines(releasedBy(value)) + format.event(value, json);
  }
  return {
    ...format,
    event,
    get ending() {
      return format.ending === '' ? '' : usageLine(usage()) + format.ending;
    },
    failure: (error) => (isOurs(error) ? movedLine(error) : usageLine(usage()) + format.failure(error)),
  };
}

function usageLine(report: UsageReport): string {
  return `${USAGE_LINE}${JSON.stringify(report)}\n`;
}

/** Whether the failure is this gateway's and not the request's, so that another gateway may continue the stream. */
function isOurs({ status, code }: ApiError): boolean {
  return code === MOVED || status >= 500 || code === RECORD_MISMATCH;
}

function movedLine(error: ApiError): string {
  const to = error instanceof Moved ? error.to : undefined;
  return `${MOVED_LINE}${to === undefined ? '' : ` ${to}`}\n\n`;
}
