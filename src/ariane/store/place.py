"""Where the lake's tables are kept: a folder of this machine, or a prefix of an object store."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from ariane.errors import InputError

if TYPE_CHECKING:  # loaded where a place is read through it: who only asks for a note in a folder does without
    import pyarrow.fs as pafs

LOG = "_delta_log"
GONE = ".gone"


class Place:
    """A folder, or the address of an object store: ``s3://bucket/prefix`` (``gs://`` and ``abfs://`` the same way).

    An object store is reached with what the environment says (AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, …), which both
    readers of it, deltalake and Arrow, take from there. It must know conditional puts, as S3 does.

    >>> import tempfile
    >>> root = tempfile.mkdtemp()
    >>> Place(f"file://{root}").folder == Path(root), Place("s3://town/lake/").address("events")
    (True, 's3://town/lake/events')
    """

    def __init__(self, root: Path | str) -> None:
        parts = urlsplit(str(root))
        self.folder: Path | None = None
        if isinstance(root, Path) or "://" not in root:
            self.folder = Path(root)
        elif parts.scheme == "file":
            self.folder = Path(unquote(parts.path))
        self.root = str(self.folder) if self.folder is not None else str(root).rstrip("/")
        self._system: tuple[pafs.FileSystem, str] | None = None

    def __str__(self) -> str:
        return self.root

    def below(self, name: str) -> Place:
        """A place inside this one."""
        return Place(self.folder / name if self.folder is not None else f"{self.root}/{name}")

    def address(self, name: str) -> str:
        """What to call the table by when it is opened or written."""
        return f"{self.root}/{name}"

    def system(self, name: str = "") -> pafs.FileSystem:
        """The files of the table (or of the whole place), by their paths inside it. InputError for an address that
        cannot be understood."""
        import pyarrow.fs as pafs

        if self._system is None:
            try:
                self._system = (
                    (pafs.LocalFileSystem(), self.root)
                    if self.folder is not None
                    else pafs.FileSystem.from_uri(self.root)
                )
            except (ValueError, OSError) as error:
                raise InputError(
                    f"'{self.root}' is no place for a lake: {error}.", allowed="a folder, s3://bucket/prefix"
                ) from error
        system, path = self._system
        return pafs.SubTreeFileSystem(f"{path}/{name}" if name else path, system)

    def tables(self) -> list[str]:
        """The names of the tables that are there, sorted."""
        if self.folder is not None:
            return sorted(path.name for path in self.folder.glob("*") if (path / LOG).is_dir())
        import pyarrow.fs as pafs

        listed = self.system().get_file_info(pafs.FileSelector("", allow_not_found=True))
        names = [entry.base_name for entry in listed if entry.type == pafs.FileType.Directory]
        return sorted(name for name in names if not name.startswith(".") and self.holds(name))

    def holds(self, name: str) -> bool:
        """Whether a table of that name is there."""
        if self.folder is not None:
            return (self.folder / name / LOG).is_dir()
        import pyarrow.fs as pafs

        inside = pafs.FileSelector(
            f"{name}/{LOG}", allow_not_found=True
        )  # a store may keep the name of an empty folder
        return any(entry.is_file for entry in self.system().get_file_info(inside))

    def born(self, name: str) -> tuple[int, ...]:
        """What tells a table from another that was made in its place: its first commit, by when it was written. Empty
        when there is none."""
        first = f"{name}/{LOG}/{0:020}.json"
        if self.folder is not None:
            try:
                found = (self.folder / first).stat()
            except (FileNotFoundError, NotADirectoryError):
                return ()
            return (found.st_ino, found.st_mtime_ns, found.st_size)
        entry = self.system().get_file_info([first])[0]
        return (entry.mtime_ns, entry.size) if entry.is_file else ()

    def remove(self, name: str) -> None:
        """Delete a table with everything in it; nothing when there is none."""
        if self.folder is not None:
            going = self.folder / name
            if name and going.is_dir():  # at once for those who read it; the files follow
                self.sweep()
                (self.folder / GONE).mkdir()
                going.rename(self.folder / GONE / name)
                self.sweep()
                return
            shutil.rmtree(going, ignore_errors=True)
            return
        import pyarrow.fs as pafs

        if self.system().get_file_info(pafs.FileSelector(name, recursive=True, allow_not_found=True)):
            self.system().delete_dir_contents(name, accept_root_dir=not name)

    def sweep(self) -> None:
        """Delete what a kill left of a removal."""
        if self.folder is not None:
            shutil.rmtree(self.folder / GONE, ignore_errors=True)

    def take(self, other: Place, name: str) -> None:
        """Move a table of `other` here. In an object store, file by file, those that make it a table last."""
        if self.folder is not None and other.folder is not None:
            (other.folder / name).rename(self.folder / name)
            return
        import pyarrow.fs as pafs

        files, theirs = self.system(), other.system()
        listed = theirs.get_file_info(pafs.FileSelector(name, recursive=True))
        paths = [entry.path for entry in listed if entry.type == pafs.FileType.File]
        for path in sorted(paths, key=lambda path: (f"/{LOG}/" in path, path)):
            with theirs.open_input_stream(path) as source, files.open_output_stream(path) as copy:
                shutil.copyfileobj(source, copy, 1 << 20)
        theirs.delete_dir(name)
