-- Histories: one row for each state of an object whose partition moves all versions.
CREATE TABLE version (
  object          INTEGER NOT NULL REFERENCES object (id) ON DELETE CASCADE,
  position        INTEGER NOT NULL,       -- from 1, the oldest first: the order at the centre
  source_version  TEXT NOT NULL,
  marker          INTEGER NOT NULL CHECK (marker IN (0, 1)),
  size            INTEGER NOT NULL,
  revision        TEXT NOT NULL,          -- at the source; empty for a delete marker
  sha256          TEXT,                   -- of the bytes; null for a delete marker
  composite       TEXT,
  attributes      TEXT,                   -- canonical JSON, as read at the source
  centre_version  TEXT,                   -- null where the centre needed no delete marker, since nothing was to be hidden
  PRIMARY KEY (object, position)
) STRICT, WITHOUT ROWID;
