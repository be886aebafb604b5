-- Up to when the tombstones of a source were looked at once more, after what was under way beside them had time to end.
CREATE TABLE settled (
  source INTEGER PRIMARY KEY REFERENCES store (id),
  before INTEGER NOT NULL                -- those that the ledger was told of before this time; milliseconds since 1970
) STRICT;

-- What a run that goes on has to find among very many objects that are done.
CREATE INDEX object_begun ON object (state, id) WHERE intent IS NOT NULL;
CREATE INDEX object_damaged ON object (state) WHERE integrity = 1;
CREATE INDEX object_leaving ON object (state) WHERE tombstone ->> 'leaving' IS NOT NULL;
