// The format of a stream with a record: its lines stand before each event, and a line ends the part of a stream that moves on.
import { MOVED_LINE } from '../../../resume/record.ts';
import type { EventFormat } from '../answers/sse.ts';
import { ApiError } from '../errors.ts';
import type { Recorder } from './recorder.ts';
import type { ReleasedBy } from './released.ts';

/** Ends the stream of a trusted caller, because this gateway leaves service. It is no failure: another gateway continues the stream. */
export class Moved extends ApiError {
  /** The gateway that has the keys and values of the stream. Undefined: no gateway has them. */
  readonly to: string | undefined;

  constructor(to: string | undefined) {
    super({ status: 200, message: 'Another gateway continues this stream.', code: 'moved' });
    this.name = 'Moved';
    this.to = to;
  }
}

export function withRecord<Value>(
  format: EventFormat<Value>,
  recorder: Recorder,
  releasedBy: ReleasedBy<Value>,
): EventFormat<Value> {
  return {
    ...format,
    event: (value, json) => recorder.lines(releasedBy(value)) + format.event(value, json),
    failure: (error) => (error instanceof Moved ? movedLine(error) : format.failure(error)),
  };
}

function movedLine({ to }: Moved): string {
  return `${MOVED_LINE}${to === undefined ? '' : ` ${to}`}\n\n`;
}
