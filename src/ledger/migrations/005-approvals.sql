-- Sealed plans that were worked under, approvals that counted, and how much each listing has seen.
CREATE TABLE seal (
  digest      TEXT PRIMARY KEY,          -- sha256: over the bytes of the sealed plan
  sealed      TEXT NOT NULL,             -- these bytes
  recorded_at INTEGER NOT NULL,
  compared_at INTEGER                    -- when the sources were found to agree with it; null: they were not compared
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

ALTER TABLE inventory ADD COLUMN listed_objects INTEGER NOT NULL DEFAULT 0;
ALTER TABLE inventory ADD COLUMN listed_bytes INTEGER NOT NULL DEFAULT 0;
-- A listing that was cut off before it was counted begins anew.
UPDATE inventory SET pass = 0, after_key = NULL WHERE complete = 0;
