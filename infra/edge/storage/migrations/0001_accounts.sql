-- API keys of the edge. Times are in Unix milliseconds. Lists are JSON; NULL means any.
CREATE TABLE keys (
  name TEXT PRIMARY KEY,
  -- SHA-256 of the secret in hexadecimal, and the first characters of the secret.
  hash TEXT NOT NULL UNIQUE,
  shown TEXT NOT NULL,
  -- The secret before the last rotation, which is valid until the given time.
  previous_hash TEXT UNIQUE,
  previous_until INTEGER,
  scopes TEXT NOT NULL,
  models TEXT,
  regions TEXT,
  rpm INTEGER,
  tpm INTEGER,
  concurrency INTEGER,
  -- Tokens a calendar month.
  budget INTEGER,
  weight INTEGER,
  created INTEGER NOT NULL,
  expires INTEGER,
  disabled INTEGER NOT NULL DEFAULT 0
) STRICT;
