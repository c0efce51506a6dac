-- What each key has used of its limits: MeterState of limits/meter.ts as JSON.
CREATE TABLE meters (
  key TEXT PRIMARY KEY,
  state TEXT NOT NULL
) STRICT;

-- Requests that have begun and whose usage is not known yet, with the most tokens that they may use.
CREATE TABLE reservations (
  id TEXT PRIMARY KEY,
  key TEXT NOT NULL,
  prompt_tokens INTEGER NOT NULL,
  answer_tokens INTEGER NOT NULL,
  request TEXT NOT NULL,
  model TEXT,
  endpoint TEXT NOT NULL,
  began INTEGER NOT NULL,
  -- When the request was last known to be open.
  touched INTEGER NOT NULL
) STRICT;

-- One row for each request that has ended. Columns as in UsageRow of usage/usage-row.ts.
CREATE TABLE usage (
  id TEXT PRIMARY KEY,
  request TEXT NOT NULL,
  key TEXT NOT NULL,
  model TEXT,
  endpoint TEXT NOT NULL,
  regions TEXT NOT NULL,
  prompt_tokens INTEGER NOT NULL,
  cached_tokens INTEGER,
  generated_tokens INTEGER NOT NULL,
  degraded_hops INTEGER NOT NULL,
  resumes INTEGER NOT NULL,
  status INTEGER NOT NULL,
  estimated INTEGER NOT NULL,
  began INTEGER NOT NULL,
  ended INTEGER NOT NULL
) STRICT;
CREATE INDEX usage_by_time ON usage (began);
CREATE INDEX usage_by_key ON usage (key, began);
