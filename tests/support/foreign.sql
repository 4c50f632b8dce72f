-- A library of MIDI files of another program: each file is a row, and so is each track split from one.

CREATE TABLE files (
    id                      BIGSERIAL PRIMARY KEY,
    filename                TEXT        NOT NULL,
    filepath                TEXT        NOT NULL UNIQUE,
    original_filename       TEXT        NOT NULL,
    content_hash            BYTEA       NOT NULL,            -- BLAKE3
    file_size_bytes         BIGINT      NOT NULL,
    format                  SMALLINT    CHECK (format IN (0, 1, 2)),
    num_tracks              SMALLINT    NOT NULL DEFAULT 1,
    ticks_per_quarter_note  INTEGER,
    duration_seconds        NUMERIC(10, 3),
    duration_ticks          BIGINT,
    is_multi_track          BOOLEAN     DEFAULT FALSE,       -- despite its name: whether the row is a track
    parent_file_id          BIGINT      REFERENCES files (id) ON DELETE CASCADE,
    track_number            SMALLINT,
    total_tracks            SMALLINT,
    manufacturer            TEXT,
    collection_name         TEXT,
    folder_tags             TEXT[],
    created_at              TIMESTAMPTZ DEFAULT NOW(),
    updated_at              TIMESTAMPTZ DEFAULT NOW(),
    analyzed_at             TIMESTAMPTZ,
    import_batch_id         UUID,
    CONSTRAINT valid_multi_track CHECK (
        (is_multi_track = FALSE AND parent_file_id IS NULL)
        OR (is_multi_track = TRUE AND parent_file_id IS NOT NULL))
);
CREATE UNIQUE INDEX idx_files_content_hash ON files (content_hash);
CREATE INDEX idx_files_num_tracks ON files (num_tracks);

CREATE TABLE track_splits (
    id              BIGSERIAL PRIMARY KEY,
    parent_file_id  BIGINT NOT NULL REFERENCES files (id) ON DELETE CASCADE,
    split_file_id   BIGINT NOT NULL REFERENCES files (id) ON DELETE CASCADE,
    track_number    INT    NOT NULL CHECK (track_number >= 0),
    track_name      TEXT,
    instrument      TEXT,
    note_count      INT    CHECK (note_count IS NULL OR note_count >= 0),
    created_at      TIMESTAMP DEFAULT NOW(),
    CONSTRAINT uq_parent_split_pair UNIQUE (parent_file_id, split_file_id)
);
CREATE INDEX idx_track_splits_parent_file_id ON track_splits (parent_file_id);
CREATE INDEX idx_track_splits_split_file_id ON track_splits (split_file_id);
