-- What a purge has removed, and when the listing began: unfinished uploads that are older are no late writer's.
ALTER TABLE object ADD COLUMN purge TEXT;
ALTER TABLE inventory ADD COLUMN begun_at INTEGER;
