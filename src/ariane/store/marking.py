"""A note beside the lake's tables that says what is not finished. Whoever shares the lake sees it, on any machine."""

from __future__ import annotations

import os

from ariane.errors import Transient
from ariane.store.place import Place
from ariane.store.segment import sync_folder

NOTE = ".unfinished"


def mark(place: Place, content: bytes) -> None:
    """Return when the note is there, whole and on disk. Transient when the disk or the store refuses."""
    try:
        if place.folder is None:
            with place.system().open_output_stream(NOTE) as stream:
                stream.write(content)
            return
        place.folder.mkdir(parents=True, exist_ok=True)
        draft = place.folder / f"{NOTE}.part"
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(place.folder / NOTE)
        sync_folder(place.folder)
        sync_folder(place.folder.parent)
    except OSError as error:
        raise _refused(place, "written", error) from error


def marked(place: Place) -> bytes | None:
    """What the note says, None when there is none. Transient when the disk or the store does not answer."""
    try:
        if place.folder is not None:
            return (place.folder / NOTE).read_bytes()
        if not place.system().get_file_info([NOTE])[0].is_file:
            return None
        with place.system().open_input_stream(NOTE) as stream:
            return bytes(stream.read())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _refused(place, "read", error) from error


def unmark(place: Place) -> None:
    """Take the note away. Transient when the disk or the store refuses."""
    try:
        if place.folder is None:
            place.system().delete_file(NOTE)
            return
        (place.folder / NOTE).unlink(missing_ok=True)
        sync_folder(place.folder)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise _refused(place, "removed", error) from error


def _refused(place: Place, what: str, error: OSError) -> Transient:
    return Transient(
        f"The lake's note of what is unfinished could not be {what}: {error.strerror or error}.",
        where=place.address(NOTE),
        next_step="Make room or mend the disk, then try again.",
        retry_after_s=2,
    )
