-- Whose mail must be there, and whose must not. An account is entered when its folder
-- has been made: if that is missing later, its volume is not mounted, or it is lost. Of
-- an account that was removed a crash may have left the folder: it is nobody's.

ALTER TABLE account ADD COLUMN entered INTEGER NOT NULL DEFAULT 0;

CREATE TABLE removed_account (
    id TEXT PRIMARY KEY,
    at INTEGER NOT NULL
) WITHOUT ROWID;

PRAGMA user_version = 5;
