-- Large objects on their way: which upload an object goes by, and which of its parts the centre has.

CREATE TABLE upload (
  object    INTEGER PRIMARY KEY REFERENCES object (id) ON DELETE CASCADE,
  upload    TEXT,                        -- the server's id; null from before it was asked for until its answer is here
  revision  TEXT NOT NULL,               -- of the source whose bytes it takes
  part_size INTEGER NOT NULL,
  begun_at  INTEGER NOT NULL
) STRICT;

CREATE TABLE part (
  object INTEGER NOT NULL REFERENCES upload (object) ON DELETE CASCADE,
  number INTEGER NOT NULL,
  size   INTEGER NOT NULL,
  sha256 TEXT NOT NULL,
  tag    TEXT NOT NULL,                  -- how the server names what it got
  PRIMARY KEY (object, number)
) STRICT, WITHOUT ROWID;

-- SHA-256 over the digests of the parts as hex, a dash, their number; for objects that went in parts.
ALTER TABLE object ADD COLUMN composite TEXT;
