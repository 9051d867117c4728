"""What the directory keeps of accounts, groups and domains that aren't there.

Nothing leads to such rows as long as all is well: who removes something removes what
belongs to it. A directory from a backup, or half copied, may have some. Ids are never
used twice, so that those of accounts give nobody anything. But an address that one has
is nobody else's, and names of groups do come again, with other people in them.
"""

from __future__ import annotations

from mailstore.index.database import Database

_NOBODY = "account NOT IN (SELECT id FROM account)"

_RULES = (
    ("alias", _NOBODY, "'the alias ' || name || ' leads to account ' || account"),
    ("app_password", _NOBODY, "'an app password is of account ' || account"),
    ("scram_salt", _NOBODY, "'a salt is of account ' || account"),
    ("scram_key", _NOBODY, "'a key of SCRAM is of account ' || account"),
    (
        "scram_key",
        (
            "credential <> 0 AND credential NOT IN (SELECT id FROM app_password"
            " WHERE app_password.account = scram_key.account)"
        ),
        "'account ' || account || ' has a key of SCRAM of app password ' || credential",
    ),
    (
        "membership",
        _NOBODY,
        "'in the group ' || person_group || ' is account ' || account",
    ),
    (
        "membership",
        "person_group NOT IN (SELECT key FROM person_group)",
        "'account ' || account || ' is in the group ' || person_group",
    ),
    (
        "domain",
        "target IS NOT NULL AND target NOT IN (SELECT key FROM domain)",
        "'the domain ' || name || ' stands for ' || target",
    ),
    (
        "metadata",
        "owner <> '' AND owner NOT IN (SELECT id FROM account)",
        "'an annotation is of account ' || owner",
    ),
    (
        "share",
        "owner NOT IN (SELECT id FROM account)",
        "'something is shared by account ' || owner",
    ),
)
"""Tables, the rows that there must not be, and what is said of one."""


def dangling(database: Database) -> list[str]:
    """Give what belongs to something that isn't there, in sentences."""
    found = []
    for table, where, text in _RULES:
        if database.has_table(table):  # an older program's has fewer
            rows = database.all(f"SELECT {text} FROM {table} WHERE {where} ORDER BY 1")
            found += [f"the directory: {one}, which is not there" for (one,) in rows]
    return found


def mend(database: Database) -> list[str]:
    """Take all of it away; gives what it was."""
    told = dangling(database)
    for table, where, _ in _RULES if told else ():
        database.execute(f"DELETE FROM {table} WHERE {where}")
    return told
