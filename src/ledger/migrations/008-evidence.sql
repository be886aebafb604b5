-- How and when the copy was proven; canonical JSON, and null again where it has to be proven anew.
ALTER TABLE object ADD COLUMN verified TEXT;
-- The number of its newest leaf in the log; null before the first.
ALTER TABLE object ADD COLUMN leaf INTEGER;
-- Whether something changed since that leaf.
ALTER TABLE object ADD COLUMN unlogged INTEGER NOT NULL DEFAULT 1 CHECK (unlogged IN (0, 1));
CREATE INDEX object_unlogged ON object (id) WHERE unlogged = 1 AND state <> 'planned';

-- Leaves of objects that a change of the plan took out of the ledger, until the log says so.
CREATE TABLE dropped (leaf INTEGER PRIMARY KEY) STRICT;
CREATE TRIGGER object_with_leaf_dropped AFTER DELETE ON object WHEN old.leaf IS NOT NULL
BEGIN
  INSERT INTO dropped VALUES (old.leaf);
END;

-- The log: leaves in their order, in batches that are never changed (docs/evidence.md).
CREATE TABLE log (
  first  INTEGER PRIMARY KEY,            -- the number of its first leaf, from 0
  leaves INTEGER NOT NULL,
  texts  BLOB NOT NULL                   -- the leaves, each with an end of line, as one frame of Zstandard (RFC 8878)
) STRICT;

CREATE TRIGGER log_is_not_changed BEFORE UPDATE ON log
BEGIN
  SELECT RAISE(ABORT, 'the log is only added to');
END;

CREATE TRIGGER log_is_not_removed BEFORE DELETE ON log
BEGIN
  SELECT RAISE(ABORT, 'the log is only added to');
END;

CREATE TRIGGER log_is_added_to_at_its_end BEFORE INSERT ON log
WHEN NEW.first <> (SELECT coalesce(max(first + leaves), 0) FROM log)
BEGIN
  SELECT RAISE(ABORT, 'the log is only added to');
END;

-- The tree over all leaves of the log: the roots of its whole subtrees, and the secret that keys are hashed with.
CREATE TABLE log_tree (
  id       INTEGER PRIMARY KEY CHECK (id = 1),
  size     INTEGER NOT NULL,
  frontier BLOB NOT NULL,
  salt     BLOB NOT NULL
) STRICT;

-- What the log said last of each thing that is no object: what has not changed is not said again.
CREATE TABLE log_said (
  subject TEXT PRIMARY KEY,
  digest  TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Heads of the tree that were signed.
CREATE TABLE head (
  size     INTEGER NOT NULL,
  keyid    TEXT NOT NULL,
  at       INTEGER NOT NULL,
  envelope TEXT NOT NULL,
  PRIMARY KEY (size, keyid)
) STRICT, WITHOUT ROWID;

-- What scans found and auditors signed: only added to.
CREATE TABLE testimony (
  id   INTEGER PRIMARY KEY,
  at   INTEGER NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('scan', 'audit')),
  text TEXT NOT NULL                     -- JSON
) STRICT;

CREATE TRIGGER testimony_is_not_changed BEFORE UPDATE ON testimony
BEGIN
  SELECT RAISE(ABORT, 'testimony is only added to');
END;

CREATE TRIGGER testimony_is_not_removed BEFORE DELETE ON testimony
BEGIN
  SELECT RAISE(ABORT, 'testimony is only added to');
END;
