// How much of a choice one event of a stream releases. Pure.

/** The amounts of one event. */
export interface ReleasedAmounts {
  /** `NO_CHOICE` for events that belong to no choice. */
  choice: number;
  /** UTF-8 bytes of text. */
  bytes: number;
  /** 1 for an event about a tool call. */
  calls: number;
  /** Number of tokens whose log-probabilities, digests or routes the event has. */
  entries: number;
}

export type ReleasedBy<Value> = (value: Value) => ReleasedAmounts;
