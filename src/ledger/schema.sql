CREATE TABLE access (
  id INTEGER PRIMARY KEY,
  invocation TEXT NOT NULL,
  event TEXT NOT NULL CHECK (event IN ('begin', 'end')),
  at INTEGER NOT NULL,
  -- Of the beginning alone.
  command TEXT CHECK ((command IS NOT NULL) = (event = 'begin')),
  operator TEXT CHECK ((operator IS NOT NULL) = (event = 'begin')),
  host TEXT CHECK ((host IS NOT NULL) = (event = 'begin')),
  -- As the plan declares it; empty where it does not.
  jurisdiction TEXT CHECK (jurisdiction IS NULL OR event = 'begin'),
  -- JSON: a list of names.
  partitions TEXT CHECK ((partitions IS NOT NULL) = (event = 'begin')),
  version TEXT CHECK ((version IS NOT NULL) = (event = 'begin')),
  -- Of the end alone.
  outcome TEXT CHECK ((outcome IS NOT NULL) = (event = 'end')),
  UNIQUE (invocation, event)
) STRICT;

CREATE TABLE approval (
  digest   TEXT NOT NULL,                -- sha256: over the bytes of the envelope
  what     TEXT NOT NULL,                -- what it counted for
  seal     TEXT NOT NULL REFERENCES seal (digest),
  envelope TEXT NOT NULL,                -- these bytes
  approver TEXT NOT NULL,
  at       INTEGER NOT NULL,             -- when it first counted
  PRIMARY KEY (digest, what)
) STRICT, WITHOUT ROWID;

CREATE TABLE dropped (leaf INTEGER PRIMARY KEY) STRICT;

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

CREATE TABLE head (
  size     INTEGER NOT NULL,
  keyid    TEXT NOT NULL,
  at       INTEGER NOT NULL,
  envelope TEXT NOT NULL,
  PRIMARY KEY (size, keyid)
) STRICT, WITHOUT ROWID;

CREATE TABLE inventory (
  source             INTEGER PRIMARY KEY REFERENCES store (id),
  pass               INTEGER NOT NULL,   -- counts from 1; a new pass looks for what came later
  after_key          TEXT,               -- the last key that is in the ledger; null before the first
  complete           INTEGER NOT NULL CHECK (complete IN (0, 1)),
  chain              TEXT NOT NULL,      -- running digest over the entries of this pass
  digest             TEXT,               -- the chain at the end of the first pass
  excluded_objects   INTEGER NOT NULL,
  excluded_bytes     INTEGER NOT NULL,
  unassigned_objects INTEGER NOT NULL,
  unassigned_bytes   INTEGER NOT NULL,
  unassigned_sample  TEXT NOT NULL       -- JSON list of the first keys
, begun_at INTEGER, listed_objects INTEGER NOT NULL DEFAULT 0, listed_bytes INTEGER NOT NULL DEFAULT 0) STRICT;

CREATE TABLE ledger (
  id          INTEGER PRIMARY KEY CHECK (id = 1),
  uuid        TEXT NOT NULL,             -- names this ledger in tombstones
  plan        TEXT NOT NULL,             -- the plan's name
  plan_digest TEXT NOT NULL,             -- of the plan last run
  routing     TEXT NOT NULL,             -- digest of stores, partitions and exclude
  created_at  INTEGER NOT NULL
) STRICT;

CREATE TABLE log (
  first  INTEGER PRIMARY KEY,            -- the number of its first leaf, from 0
  leaves INTEGER NOT NULL,
  texts  BLOB NOT NULL                   -- the leaves, each with an end of line, as one frame of Zstandard (RFC 8878)
) STRICT;

CREATE TABLE log_said (
  subject TEXT PRIMARY KEY,
  digest  TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE log_tree (
  id       INTEGER PRIMARY KEY CHECK (id = 1),
  size     INTEGER NOT NULL,
  frontier BLOB NOT NULL,
  salt     BLOB NOT NULL
) STRICT;

CREATE TABLE migration (number INTEGER PRIMARY KEY, name TEXT NOT NULL, digest TEXT NOT NULL) STRICT;

CREATE TABLE object (
  id              INTEGER PRIMARY KEY,
  partition       INTEGER NOT NULL REFERENCES partition (id),
  source          INTEGER NOT NULL REFERENCES store (id),
  key             TEXT NOT NULL,
  state           TEXT NOT NULL CHECK (state IN ('planned', 'copied', 'verified', 'tombstoned', 'purged', 'restored',
                                                 'conflict', 'gone', 'held', 'unverifiable', 'failed')),
  size            INTEGER NOT NULL,
  revision        TEXT NOT NULL,         -- of the source: as listed, then as read by the copy
  sha256          TEXT,                  -- of the bytes read by the copy
  centre_revision TEXT,                  -- of the copy: as written, then as verified
  attributes      TEXT,                  -- canonical JSON of what the object carries beside its bytes
  intent          TEXT,                  -- canonical JSON of a step that was begun and whose end is not known
  tombstone       TEXT,                  -- canonical JSON: marker's revision, where the old bytes are kept, hold's end
  reason          TEXT,                  -- why a person is needed
  integrity       INTEGER NOT NULL DEFAULT 0 CHECK (integrity IN (0, 1)),
  updated_at      INTEGER NOT NULL, composite TEXT, purge TEXT, verified TEXT, leaf INTEGER, unlogged INTEGER NOT NULL DEFAULT 1 CHECK (unlogged IN (0, 1)),
  UNIQUE (source, key)
) STRICT;

CREATE TABLE observed (
  store       INTEGER PRIMARY KEY REFERENCES store (id) ON DELETE CASCADE,
  host        TEXT NOT NULL,
  addresses   TEXT NOT NULL,              -- JSON list
  region      TEXT,                       -- as the server told it; null where it did not
  pin         TEXT,                       -- of its certificate's key; null without TLS
  observed_at INTEGER NOT NULL
) STRICT;

CREATE TABLE part (
  object INTEGER NOT NULL REFERENCES upload (object) ON DELETE CASCADE,
  number INTEGER NOT NULL,
  size   INTEGER NOT NULL,
  sha256 TEXT NOT NULL,
  tag    TEXT NOT NULL,                  -- how the server names what it got
  PRIMARY KEY (object, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE partition (
  id     INTEGER PRIMARY KEY,
  name   TEXT NOT NULL UNIQUE,
  source INTEGER NOT NULL REFERENCES store (id),
  centre INTEGER NOT NULL REFERENCES store (id)
) STRICT;

CREATE TABLE probe (
  store      INTEGER NOT NULL REFERENCES store (id),
  capability TEXT NOT NULL,
  result     TEXT NOT NULL CHECK (result IN ('yes', 'no', 'unknown')),
  probed_at  INTEGER NOT NULL,
  PRIMARY KEY (store, capability)
) STRICT, WITHOUT ROWID;

CREATE TABLE run (
  id             INTEGER PRIMARY KEY,
  command        TEXT NOT NULL,
  started_at     INTEGER NOT NULL,
  updated_at     INTEGER NOT NULL,
  ended_at       INTEGER,
  outcome        TEXT,                   -- how it ended; null while it runs or after a kill
  moved_objects  INTEGER NOT NULL DEFAULT 0,
  moved_bytes    INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE seal (
  digest      TEXT PRIMARY KEY,          -- sha256: over the bytes of the sealed plan
  sealed      TEXT NOT NULL,             -- these bytes
  recorded_at INTEGER NOT NULL,
  compared_at INTEGER                    -- when the sources were found to agree with it; null: they were not compared
) STRICT;

CREATE TABLE settled (
  source INTEGER PRIMARY KEY REFERENCES store (id),
  before INTEGER NOT NULL                -- those that the ledger was told of before this time; milliseconds since 1970
) STRICT;

CREATE TABLE store (
  id       INTEGER PRIMARY KEY,
  name     TEXT NOT NULL UNIQUE,
  location TEXT NOT NULL                 -- without secrets; may not change while objects depend on it
) STRICT;

CREATE TABLE tally (
  partition INTEGER NOT NULL REFERENCES partition (id),
  state     TEXT NOT NULL,
  objects   INTEGER NOT NULL,
  bytes     INTEGER NOT NULL,
  PRIMARY KEY (partition, state)
) STRICT, WITHOUT ROWID;

CREATE TABLE testimony (
  id   INTEGER PRIMARY KEY,
  at   INTEGER NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('scan', 'audit')),
  text TEXT NOT NULL                     -- JSON
) STRICT;

CREATE TABLE upload (
  object    INTEGER PRIMARY KEY REFERENCES object (id) ON DELETE CASCADE,
  upload    TEXT,                        -- the server's id; null from before it was asked for until its answer is here
  revision  TEXT NOT NULL,               -- of the source whose bytes it takes
  part_size INTEGER NOT NULL,
  begun_at  INTEGER NOT NULL
) STRICT;

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

CREATE TRIGGER access_ends_what_began BEFORE INSERT ON access
WHEN NEW.event = 'end' AND NOT EXISTS (SELECT 1 FROM access WHERE invocation = NEW.invocation AND event = 'begin')
BEGIN
  SELECT RAISE(ABORT, 'no such invocation has begun');
END;

CREATE TRIGGER access_is_not_changed BEFORE UPDATE ON access
BEGIN
  SELECT RAISE(ABORT, 'the access record is only added to');
END;

CREATE TRIGGER access_is_not_removed BEFORE DELETE ON access
BEGIN
  SELECT RAISE(ABORT, 'the access record is only added to');
END;

CREATE TRIGGER access_is_not_replaced BEFORE INSERT ON access
WHEN EXISTS (SELECT 1 FROM access WHERE id = NEW.id OR (invocation = NEW.invocation AND event = NEW.event))
BEGIN
  SELECT RAISE(ABORT, 'the access record is only added to');
END;

CREATE TRIGGER log_is_added_to_at_its_end BEFORE INSERT ON log
WHEN NEW.first <> (SELECT coalesce(max(first + leaves), 0) FROM log)
BEGIN
  SELECT RAISE(ABORT, 'the log is only added to');
END;

CREATE TRIGGER log_is_not_changed BEFORE UPDATE ON log
BEGIN
  SELECT RAISE(ABORT, 'the log is only added to');
END;

CREATE TRIGGER log_is_not_removed BEFORE DELETE ON log
BEGIN
  SELECT RAISE(ABORT, 'the log is only added to');
END;

CREATE TRIGGER object_added AFTER INSERT ON object BEGIN
  INSERT INTO tally VALUES (new.partition, new.state, 1, new.size)
    ON CONFLICT DO UPDATE SET objects = objects + 1, bytes = bytes + excluded.bytes;
END;

CREATE INDEX object_begun ON object (state, id) WHERE intent IS NOT NULL;

CREATE INDEX object_by_state ON object (state, id);

CREATE INDEX object_damaged ON object (state) WHERE integrity = 1;

CREATE TRIGGER object_dropped AFTER DELETE ON object BEGIN
  UPDATE tally SET objects = objects - 1, bytes = bytes - old.size WHERE partition = old.partition AND state = old.state;
END;

CREATE INDEX object_leaving ON object (state) WHERE tombstone ->> 'leaving' IS NOT NULL;

CREATE TRIGGER object_moved AFTER UPDATE OF state, size, partition ON object BEGIN
  UPDATE tally SET objects = objects - 1, bytes = bytes - old.size WHERE partition = old.partition AND state = old.state;
  INSERT INTO tally VALUES (new.partition, new.state, 1, new.size)
    ON CONFLICT DO UPDATE SET objects = objects + 1, bytes = bytes + excluded.bytes;
END;

CREATE INDEX object_unlogged ON object (id) WHERE unlogged = 1 AND state <> 'planned';

CREATE TRIGGER object_with_leaf_dropped AFTER DELETE ON object WHEN old.leaf IS NOT NULL
BEGIN
  INSERT INTO dropped VALUES (old.leaf);
END;

CREATE TRIGGER testimony_is_not_changed BEFORE UPDATE ON testimony
BEGIN
  SELECT RAISE(ABORT, 'testimony is only added to');
END;

CREATE TRIGGER testimony_is_not_removed BEFORE DELETE ON testimony
BEGIN
  SELECT RAISE(ABORT, 'testimony is only added to');
END;
