-- Columns that the owner added for purposes of their own, filled in some rows.
ALTER TABLE files
    ADD COLUMN rating       SMALLINT NOT NULL DEFAULT 0,
    ADD COLUMN remark       TEXT,
    ADD COLUMN last_heard   TIMESTAMPTZ;
UPDATE files
SET rating = id % 6, remark = 'as on the record: ' || filename, last_heard = '2025-06-01 12:00+02'
WHERE id % 11 = 0;
