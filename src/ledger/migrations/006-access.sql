-- Who used this ledger, when and from where: a row where a command begins, another where it ends. Nothing of it is changed or removed.
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

CREATE TRIGGER access_is_not_changed BEFORE UPDATE ON access
BEGIN
  SELECT RAISE(ABORT, 'the access record is only added to');
END;

CREATE TRIGGER access_is_not_removed BEFORE DELETE ON access
BEGIN
  SELECT RAISE(ABORT, 'the access record is only added to');
END;

-- INSERT OR REPLACE would remove a row without the trigger above.
CREATE TRIGGER access_is_not_replaced BEFORE INSERT ON access
WHEN EXISTS (SELECT 1 FROM access WHERE id = NEW.id OR (invocation = NEW.invocation AND event = NEW.event))
BEGIN
  SELECT RAISE(ABORT, 'the access record is only added to');
END;

CREATE TRIGGER access_ends_what_began BEFORE INSERT ON access
WHEN NEW.event = 'end' AND NOT EXISTS (SELECT 1 FROM access WHERE invocation = NEW.invocation AND event = 'begin')
BEGIN
  SELECT RAISE(ABORT, 'no such invocation has begun');
END;
