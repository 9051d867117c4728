"""The folder of a backup: its points in time, and the databases that they name.

Layout::

    imapd-backup.json                  of which store it is, and of which format
    points/20261126T030000Z.json       a point: written last, when all it names is there
    directory/<sha256>.db.zst          the directory, as it was
    accounts/xx/<id>/<sha256>.db.zst   an account's index, as it was
    accounts/xx/<id>/<sha256>.refs     the digests of the messages that it needs
    accounts/xx/<id>/00000001.pack …   the messages (`mailstore.blobs.pool`)

Files named by a digest are shared by all points that name them; nothing that a point
names is ever written over. Who writes holds the folder's lock alone, who reads shares
it. It must not know what is in an index.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unicodedata import normalize

import zstandard

from mailstore.blobs.filesystem import FileSystem, Folders, existing, store_error
from mailstore.blobs.pool import write_whole
from mailstore.errors import Busy, Corrupt, NotFound, Unavailable
from mailstore.locking import folder_held

FORMAT = 1
_INFO = "imapd-backup.json"
_POINT = re.compile(r"(\d{8}T\d{6}Z)\.json")
_TIME = "%Y%m%dT%H%M%SZ"
_DIGEST = 32
_PIECE = 2**20
_LEVEL = 3
_REAL = FileSystem()


@dataclass(frozen=True, slots=True)
class Missing:
    """A message that a point names and does not have, and why."""

    message: int
    why: str


@dataclass(frozen=True, slots=True)
class AccountCopy:
    """One account in a point.

    ``index`` is the SHA-256 of its index; empty where it could not be copied, which
    ``failure`` tells. ``state`` are the sizes and times of the files that it was read
    from: as long as they are the same nothing has changed. ``kept`` are the octets of
    the copy in the backup, ``proved`` is when it was compared with its digest.
    ``damage`` tells what is wrong with the index itself, as it was in the store; None
    where an older program did not look.
    """

    id: str
    name: str
    index: str = ""
    messages: int = 0
    octets: int = 0
    state: tuple[int, ...] = ()
    missing: tuple[Missing, ...] = ()
    failure: str = ""
    kept: int = 0
    proved: int = 0
    damage: tuple[str, ...] | None = None

    @property
    def whole(self) -> bool:
        """Whether all is there, and none of it damaged."""
        return not (self.missing or self.failure or self.damage)


@dataclass(frozen=True, slots=True)
class Point:
    """A point in time: times are in seconds since the epoch."""

    name: str
    started: int
    finished: int
    directory: str
    accounts: tuple[AccountCopy, ...]
    copied: int = 0  # octets that its run wrote

    @property
    def whole(self) -> bool:
        """Whether every account and message is there, and no index damaged."""
        return all(account.whole for account in self.accounts)

    @property
    def messages(self) -> int:
        """Messages of all mailboxes."""
        return sum(account.messages for account in self.accounts)

    def account(self, name: str) -> AccountCopy:
        """Give an account by its name, or by its id. Raises `NotFound`."""
        wanted = normalize("NFC", name).casefold()
        for one in self.accounts:
            if normalize("NFC", one.name.casefold()) == normalize("NFC", wanted):
                return one
        return self.numbered(name)

    def numbered(self, id_: str) -> AccountCopy:
        """Give an account by its id. Raises `NotFound`."""
        for one in self.accounts:
            if one.id == id_:
                return one
        raise NotFound(f"the backup of {self.name} has no such account")


class BackupFolder:
    """A folder that holds, or is to hold, backups of one store."""

    def __init__(self, path: Path, files: FileSystem = _REAL) -> None:
        self.path = path
        self.files = files
        self._folders = Folders(files, path)

    # -- whose it is, and who works on it

    @contextmanager
    def held(self, *, shared: bool = False) -> Iterator[None]:
        """Keep others off while the block lasts.

        Raises `Busy` when another program works on it, `NotFound` when there is none.
        """
        if not self.path.is_dir():
            raise NotFound("there is no backup there", detail=str(self.path))
        with folder_held(self.path, shared=shared) as free:
            if not free:
                raise Busy("another backup, check or restore of it is running")
            yield

    def make(self) -> None:
        """Make the folder, if it is missing. Raises `Unavailable`."""
        Folders(self.files, existing(self.path)).need(self.path)

    def claim(self, store: str) -> None:
        """Note of which store it is. Raises `Unavailable` if it is of another one.

        Nor is a folder taken that holds other things.
        """
        if (self.path / _INFO).exists():
            if self.store() != store:
                raise Unavailable("it holds backups of another store")
            return
        strange = {one.name for one in self.path.iterdir()} - {"lost+found"}
        if strange - {f"{_INFO}.part"}:
            raise Unavailable("the folder is not empty, and no backup")
        text = json.dumps({"format": FORMAT, "store": store}) + "\n"
        write_whole(self.files, self.path / _INFO, (text.encode(),))

    def store(self) -> str:
        """Give of which store it is. Raises `NotFound`, `Corrupt`, `Unavailable`."""
        try:
            found = json.loads((self.path / _INFO).read_bytes())
            format_, store = found["format"], str(found["store"])
        except FileNotFoundError as error:
            raise NotFound("there is no backup there", detail=str(error)) from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Corrupt("the backup's description is damaged") from error
        if format_ != FORMAT:
            raise Unavailable("a newer imapd has written this backup, use that one")
        return store

    # -- points

    def names(self) -> list[str]:
        """Give the names of all points, oldest first."""
        try:
            found = os.listdir(self.path / "points")
        except FileNotFoundError:
            return []
        return sorted(match[1] for one in found if (match := _POINT.fullmatch(one)))

    def points(self) -> list[Point]:
        """Give all points, oldest first. Raises `Corrupt`."""
        found = []
        for name in self.names():
            with suppress(NotFound):  # it was forgotten just now
                found.append(self.point(name))
        return found

    def point(self, name: str) -> Point:
        """Read a point. Raises `NotFound`, `Corrupt`, `Unavailable`."""
        try:
            written = json.loads(self._point(name).read_bytes())
            given, text = written["sha256"], _canonical(written["point"])
            if hashlib.sha256(text).hexdigest() != given:
                raise Corrupt(f"the list of the backup of {name} is damaged")
            return _read_point(written["point"])
        except FileNotFoundError as error:
            raise NotFound(f"there is no backup of {name}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise Corrupt(f"the list of the backup of {name} is damaged") from error
        except OSError as error:
            raise store_error(error) from error

    def last_before(self, moment: float | None) -> Point:
        """Give the last point that was begun no later; None: the last. `NotFound`."""
        names = self.names()
        if moment is not None:
            limit = _name_of(moment)
            names = [name for name in names if name <= limit]
        if not names:
            raise NotFound("there is no backup that old" if moment else "no backup")
        return self.point(names[-1])

    def name_for(self, now: float) -> str:
        """Give the name of a point that is begun now, behind all others.

        Also where the clock was set back.
        """
        name, names = _name_of(now), self.names()
        if names and name <= names[-1]:
            last = datetime.strptime(names[-1], _TIME).replace(tzinfo=UTC)
            name = _name_of(last.timestamp() + 1)
        return name

    def write(self, point: Point) -> None:
        """Write a point: all that it names is durable. Raises `Unavailable`."""
        self.need(self.path / "points")
        data = asdict(point)
        digest = hashlib.sha256(_canonical(data)).hexdigest()
        text = json.dumps({"sha256": digest, "point": data}, indent=1) + "\n"
        write_whole(self.files, self._point(point.name), (text.encode(),))

    def remove(self, name: str) -> None:
        """Forget a point. What it alone named is given up by a sweep."""
        self.files.unlink(self._point(name))
        self.files.sync_folder(self.path / "points")

    def _point(self, name: str) -> Path:
        return self.path / "points" / f"{name}.json"

    # -- databases

    def need(self, folder: Path) -> None:
        """Have a folder whose name is durable. Raises `Unavailable`."""
        self._folders.need(folder)

    def directory_folder(self) -> Path:
        """Give where copies of the directory are."""
        return self.path / "directory"

    def account_folder(self, id_: str) -> Path:
        """Give where an account's copies and messages are."""
        return self.path / "accounts" / id_[:2] / id_

    def account_folders(self) -> list[Path]:
        """Give the folders of all accounts that any point may name."""
        return sorted((self.path / "accounts").glob("??/" + "[0-9a-f]" * 32))

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """Give an empty folder beside the backup for the block, then remove it."""
        path = self.path / "tmp"
        shutil.rmtree(path, ignore_errors=True)  # what a killed run has left
        self.files.make_folder(path)
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def keep(self, database: Path, folder: Path) -> tuple[str, int]:
        """Keep a copy of a database; gives its SHA-256 and the octets written.

        Nothing is written when it is there already, and whole. Raises `Unavailable`,
        `DiskFull`.
        """
        digest = _digest(database)
        target = _database(folder, digest)
        if self._is_whole(folder, digest):
            return digest, 0
        self.need(folder)
        compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True)
        try:
            with database.open("rb") as source:
                write_whole(self.files, target, compressor.read_to_iter(source))
        except OSError as error:
            raise store_error(error) from error
        return digest, target.stat().st_size

    def fetch(self, folder: Path, digest: str, target: Path) -> None:
        """Write a kept database to a new file, proved. Raises `Corrupt`, `NotFound`."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            with os.fdopen(os.open(target, flags, 0o600), "wb") as made:
                for piece in _proved(folder, digest):
                    made.write(piece)
        except OSError as error:
            raise store_error(error) from error

    def prove(self, folder: Path, digest: str) -> None:
        """Read a kept database. Raises `Corrupt`, `NotFound`, `Unavailable`."""
        for _ in _proved(folder, digest):
            pass

    def _is_whole(self, folder: Path, digest: str) -> bool:
        try:
            self.prove(folder, digest)
        except (NotFound, Corrupt):
            return False
        return True

    def octets(self, folder: Path, digest: str) -> int:
        """Give the octets of a kept database; 0 when there is none."""
        try:
            return _database(folder, digest).stat().st_size
        except OSError:
            return 0

    def note_needed(self, folder: Path, index: str, digests: Iterable[bytes]) -> int:
        """Keep the list of the messages that an index needs; gives its octets."""
        target = _refs(folder, index)
        write_whole(self.files, target, _with_proof(digests))
        return target.stat().st_size

    def needed(self, folder: Path, index: str) -> Iterator[bytes]:
        """Give the messages that an index needs. Raises `NotFound`, `Corrupt`."""
        try:
            data = _refs(folder, index).read_bytes()
        except FileNotFoundError as error:
            raise NotFound("a list of messages of the backup is missing") from error
        except OSError as error:
            raise store_error(error) from error
        body = data[:-_DIGEST]
        if hashlib.sha256(body).digest() != data[-_DIGEST:] or len(body) % _DIGEST:
            raise Corrupt("a list of messages of the backup is damaged")
        return (body[at : at + _DIGEST] for at in range(0, len(body), _DIGEST))

    def has_needed(self, folder: Path, index: str) -> bool:
        """Tell whether the list of what an index needs is there, and whole."""
        try:
            self.needed(folder, index)
        except (NotFound, Corrupt):
            return False
        return True

    def forget(self, folder: Path, digest: str) -> None:
        """Remove a kept database that is damaged, so that it is copied again."""
        self.files.unlink(_database(folder, digest))
        self.files.sync_folder(folder)

    def drop_databases(self, folder: Path, kept: Collection[str]) -> int:
        """Remove the databases that no point names; gives the octets set free."""
        freed = 0
        for path in folder.iterdir() if folder.is_dir() else ():
            known = path.name.partition(".")[0] in kept
            if path.name.endswith((".zst", ".refs", ".part")) and not known:
                freed += path.stat().st_size
                self.files.unlink(path)
        return freed


# -- parts


def _with_proof(digests: Iterable[bytes]) -> Iterator[bytes]:
    """Give digests in pieces, and behind them what proves them."""
    proof, piece = hashlib.sha256(), bytearray()
    for digest in digests:
        piece += digest
        if len(piece) >= _PIECE:
            proof.update(piece)
            yield bytes(piece)
            piece.clear()
    proof.update(piece)
    yield bytes(piece) + proof.digest()


def _name_of(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):{_TIME}}"


def _canonical(value: Any) -> bytes:  # noqa: ANN401 - JSON
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _read_point(found: dict[str, Any]) -> Point:
    accounts = tuple(
        AccountCopy(
            **{
                **one,
                "state": tuple(one["state"]),
                "missing": tuple(Missing(**lost) for lost in one["missing"]),
                "damage": _texts(one.get("damage")),
            }
        )
        for one in found["accounts"]
    )
    return Point(**{**found, "accounts": accounts})


def _texts(found: list[str] | None) -> tuple[str, ...] | None:
    return None if found is None else tuple(found)


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as source:
            return hashlib.file_digest(source, "sha256").hexdigest()
    except OSError as error:
        raise store_error(error) from error


def _proved(folder: Path, digest: str) -> Iterator[bytes]:
    """Read a kept database; what was given is not proved before the end."""
    proof = hashlib.sha256()
    try:
        with _database(folder, digest).open("rb") as source:
            reader = zstandard.ZstdDecompressor().stream_reader(source)
            while piece := reader.read(_PIECE):
                proof.update(piece)
                yield piece
    except FileNotFoundError as error:
        raise NotFound("a database of the backup is missing") from error
    except zstandard.ZstdError as error:
        raise Corrupt("a database of the backup is damaged") from error
    except OSError as error:
        raise store_error(error) from error
    if proof.hexdigest() != digest:
        raise Corrupt("a database of the backup is damaged")


def _database(folder: Path, digest: str) -> Path:
    return folder / f"{digest}.db.zst"


def _refs(folder: Path, digest: str) -> Path:
    return folder / f"{digest}.refs"
