// The format of a stream with a record: its lines stand before each event, and a line ends the part of a stream that moves on.
import { MOVED_LINE } from '../../../resume/record.ts';
import type { EventFormat } from '../answers/sse.ts';
import { ApiError } from '../errors.ts';
import type { Recorder } from './recorder.ts';
import type { ReleasedBy } from './released.ts';

/** Ends the stream of a trusted caller, because this gateway leaves service. It is no failure: another gateway continues the stream. */
export class Moved extends ApiError {
  constructor() {
    super({ status: 200, message: 'Another gateway continues this stream.', code: 'moved' });
    this.name = 'Moved';
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
    failure: (error) => (error instanceof Moved ? `${MOVED_LINE}\n\n` : format.failure(error)),
  };
}
