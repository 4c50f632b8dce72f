-- Triggers of the owner: one sets the time of a change, the others count rows. They find tables by the search
-- path of the session.
CREATE TABLE file_counts (
    is_split    BOOLEAN PRIMARY KEY,
    files       BIGINT NOT NULL
);
INSERT INTO file_counts
SELECT kind, count(*) FILTER (WHERE files.is_multi_track = kind)
FROM (VALUES (FALSE), (TRUE)) AS kinds (kind) CROSS JOIN files
GROUP BY kind;

CREATE FUNCTION touch_file() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := clock_timestamp();
    RETURN NEW;
END $$;
CREATE TRIGGER files_touched BEFORE INSERT OR UPDATE ON files FOR EACH ROW EXECUTE FUNCTION touch_file();

CREATE FUNCTION count_files() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE file_counts
    SET files = files + (SELECT count(*) FROM changed WHERE is_multi_track = is_split)
        * CASE TG_OP WHEN 'INSERT' THEN 1 ELSE -1 END;
    RETURN NULL;
END $$;
CREATE TRIGGER files_added AFTER INSERT ON files
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION count_files();
CREATE TRIGGER files_removed AFTER DELETE ON files
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION count_files();
