PRAGMA application_id = 1146114132;
PRAGMA user_version = 1;
BEGIN TRANSACTION;
CREATE TABLE jobs (
    id          INTEGER PRIMARY KEY,
    name        TEXT    NOT NULL UNIQUE,
    file_sha256 BLOB    NOT NULL,             -- of the job file as last registered
    row_count   INTEGER NOT NULL,
    end_state   TEXT    NOT NULL CHECK (end_state IN ('verified', 'locked')),
    created_at  TEXT    NOT NULL
) STRICT;
INSERT INTO "jobs" VALUES(1,'battery',X'0202020202020202020202020202020202020202020202020202020202020202',3,'verified','2026-01-01T00:00:00.000Z');
CREATE TABLE revocations (                    -- tags that may carry a good statement of ours but must not pass
    id       INTEGER PRIMARY KEY,
    row_id   INTEGER NOT NULL UNIQUE REFERENCES rows (id),
    identity TEXT    NOT NULL,
    chip     BLOB    NOT NULL,
    reason   TEXT    NOT NULL,
    at       TEXT    NOT NULL
) STRICT;
INSERT INTO "revocations" VALUES(1,2,'https://id.example.com/01/09521234000013/21/2',X'04A1B2C3D4E581','label torn','2026-01-01T00:00:00.000Z');
CREATE TABLE rows (
    id              INTEGER PRIMARY KEY,
    job_id          INTEGER NOT NULL REFERENCES jobs (id),
    number          INTEGER NOT NULL CHECK (number > 0),
    attempt         INTEGER NOT NULL CHECK (attempt > 0),
    identity        TEXT    NOT NULL,         -- exactly as signed
    serial_key      TEXT,                     -- GS1 key and serial; NULL where the identity is no GS1 link
    passport_sha256 BLOB    NOT NULL,
    state           TEXT    NOT NULL
        CHECK (state IN ('reserved', 'writing', 'written', 'verified', 'locked', 'void')),
    chip            BLOB,                     -- set with the step to 'writing', never changed
    message         BLOB,                     -- the NDEF message, signature included, as it must stand on the tag
    level           TEXT,
    former_sha256   BLOB,                     -- of the message that stood there before; NULL where there was none
    protection      TEXT,                     -- how each password and key is derived, never the secret itself
    reason          TEXT,
    created_at      TEXT    NOT NULL,
    changed_at      TEXT    NOT NULL,
    UNIQUE (job_id, number, attempt),
    CHECK ((chip IS NULL) = (message IS NULL) AND (chip IS NULL) = (level IS NULL)),
    CHECK (state = 'void' OR (state = 'reserved') = (chip IS NULL)),
    CHECK ((state = 'void') = (reason IS NOT NULL))
) STRICT;
INSERT INTO "rows" VALUES(1,1,1,1,'https://id.example.com/01/09521234000013/21/1','01/09521234000013/21/1',X'0101010101010101010101010101010101010101010101010101010101010101','verified',X'04A1B2C3D4E580',X'D101045504612E62','minimal',NULL,NULL,NULL,'2026-01-01T00:00:00.000Z','2026-01-01T00:00:00.000Z');
INSERT INTO "rows" VALUES(2,1,2,1,'https://id.example.com/01/09521234000013/21/2','01/09521234000013/21/2',X'0101010101010101010101010101010101010101010101010101010101010101','void',X'04A1B2C3D4E581',X'D101045504612E62','minimal',NULL,NULL,'label torn','2026-01-01T00:00:00.000Z','2026-01-01T00:00:00.000Z');
INSERT INTO "rows" VALUES(3,1,2,2,'https://id.example.com/01/09521234000013/21/2','01/09521234000013/21/2',X'0101010101010101010101010101010101010101010101010101010101010101','writing',X'04A1B2C3D4E582',X'D101045504612E63','minimal',NULL,NULL,NULL,'2026-01-01T00:00:00.000Z','2026-01-01T00:00:00.000Z');
INSERT INTO "rows" VALUES(4,1,3,1,'https://id.example.com/01/09521234000013/21/3','01/09521234000013/21/3',X'0101010101010101010101010101010101010101010101010101010101010101','reserved',NULL,NULL,NULL,NULL,NULL,NULL,'2026-01-01T00:00:00.000Z','2026-01-01T00:00:00.000Z');
CREATE TABLE transitions (
    id         INTEGER PRIMARY KEY,
    row_id     INTEGER NOT NULL REFERENCES rows (id),
    from_state TEXT,                          -- NULL: the row was made; equal to to_state: a note
    to_state   TEXT    NOT NULL,
    at         TEXT    NOT NULL,
    detail     TEXT    NOT NULL
) STRICT;
INSERT INTO "transitions" VALUES(1,1,NULL,'reserved','2026-01-01T00:00:00.000Z','');
INSERT INTO "transitions" VALUES(2,1,'reserved','writing','2026-01-01T00:00:00.000Z','minimal');
INSERT INTO "transitions" VALUES(3,2,NULL,'reserved','2026-01-01T00:00:00.000Z','');
INSERT INTO "transitions" VALUES(4,2,'reserved','writing','2026-01-01T00:00:00.000Z','minimal');
INSERT INTO "transitions" VALUES(5,1,'writing','written','2026-01-01T00:00:00.000Z','');
INSERT INTO "transitions" VALUES(6,1,'written','verified','2026-01-01T00:00:00.000Z','');
INSERT INTO "transitions" VALUES(7,2,'writing','void','2026-01-01T00:00:00.000Z','label torn');
INSERT INTO "transitions" VALUES(8,3,NULL,'reserved','2026-01-01T00:00:00.000Z','');
INSERT INTO "transitions" VALUES(9,3,'reserved','writing','2026-01-01T00:00:00.000Z','minimal');
INSERT INTO "transitions" VALUES(10,4,NULL,'reserved','2026-01-01T00:00:00.000Z','');
CREATE UNIQUE INDEX one_live_row_per_identity   ON rows (identity)       WHERE state <> 'void';
CREATE UNIQUE INDEX one_live_row_per_serial     ON rows (serial_key)     WHERE state <> 'void';
CREATE UNIQUE INDEX one_live_row_per_chip       ON rows (chip)           WHERE state <> 'void';
CREATE UNIQUE INDEX one_live_row_per_job_number ON rows (job_id, number) WHERE state <> 'void';
CREATE INDEX rows_by_identity ON rows (identity);
CREATE INDEX rows_by_serial   ON rows (serial_key);
CREATE TRIGGER rows_are_kept BEFORE DELETE ON rows
BEGIN
    SELECT RAISE(ABORT, 'ledger rows are never deleted');
END;
CREATE TRIGGER row_content_is_fixed
BEFORE UPDATE OF id, job_id, number, attempt, identity, serial_key, passport_sha256, created_at ON rows
BEGIN
    SELECT RAISE(ABORT, 'what a row is about never changes');
END;
CREATE TRIGGER chip_and_message_are_written_once
BEFORE UPDATE OF chip, message, level, former_sha256, protection ON rows WHEN OLD.chip IS NOT NULL
BEGIN
    SELECT RAISE(ABORT, 'the chip and the message of a row never change');
END;
CREATE INDEX transitions_by_row ON transitions (row_id);
CREATE TRIGGER transitions_are_not_edited BEFORE UPDATE ON transitions
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;
CREATE TRIGGER transitions_are_kept BEFORE DELETE ON transitions
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;
CREATE INDEX revocations_by_tag ON revocations (identity, chip);
CREATE TRIGGER revocations_are_not_edited BEFORE UPDATE ON revocations
BEGIN
    SELECT RAISE(ABORT, 'a revocation is final');
END;
CREATE TRIGGER revocations_are_kept BEFORE DELETE ON revocations
BEGIN
    SELECT RAISE(ABORT, 'a revocation is final');
END;
COMMIT;
