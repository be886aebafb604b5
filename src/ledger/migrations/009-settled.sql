-- Up to when the tombstones of a source were looked at once more, after what was under way beside them had time to end.
CREATE TABLE settled (
  source INTEGER PRIMARY KEY REFERENCES store (id),
  before INTEGER NOT NULL                -- those that the ledger was told of before this time; milliseconds since 1970
) STRICT;
