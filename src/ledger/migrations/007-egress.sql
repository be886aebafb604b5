-- What was reached, by invocation (of the access record); the store is null for what was reached in no store's name, as for credentials.
CREATE TABLE egress (
  invocation  TEXT NOT NULL,
  store       TEXT,
  host        TEXT NOT NULL,
  address     TEXT NOT NULL,
  port        INTEGER NOT NULL,
  bytes_in    INTEGER NOT NULL,
  bytes_out   INTEGER NOT NULL,
  connections INTEGER NOT NULL,
  UNIQUE (invocation, store, host, address, port)
) STRICT;

-- What a store's server last showed of itself when it was opened.
CREATE TABLE observed (
  store       INTEGER PRIMARY KEY REFERENCES store (id) ON DELETE CASCADE,
  host        TEXT NOT NULL,
  addresses   TEXT NOT NULL,              -- JSON list
  region      TEXT,                       -- as the server told it; null where it did not
  pin         TEXT,                       -- of its certificate's key; null without TLS
  observed_at INTEGER NOT NULL
) STRICT;
