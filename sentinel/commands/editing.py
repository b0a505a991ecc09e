"""A value of a rule's file changed by a command: only that, and only where the file is still as it was read."""

from __future__ import annotations

import os
from pathlib import Path

from sentinel import files, yamledit, yamlfile
from sentinel.commands.output import CommandError
from sentinel.detect.rules import About
from sentinel.problems import Unusable
from sentinel.yamledit import CannotEdit
from sentinel.yamlfile import Path as Keys


def change(about: About, path: Keys, value: str | float) -> None:
    """Put the value there in the rule's document; its file is replaced at once, with its rights.

    Raises CommandError where that cannot be done, with nothing changed.
    """
    file = Path(about.file)
    if file.is_relative_to(files.shipped("rules")):
        hint = "copy the rule into a folder of your own, with a name and id of its own, and leave its family out"
        raise CommandError(f"'{about.key}' comes with Sentinel and is not changed: an update would undo it", hint)
    content, problems = files.read(file)
    if problems:
        raise Unusable(problems)
    documents, _ = yamlfile.parse(content, about.file)
    numbers = [number for number, each in enumerate(documents) if each.value == about.source]
    if len(numbers) != 1:
        raise CommandError(f"'{about.file}' has changed since it was read, and is left as it is")
    try:
        changed = yamledit.put(content.decode(), numbers[0], path, value)
    except CannotEdit as error:
        place = documents[numbers[0]].span(path)
        raise CommandError(f"{place}: {error}", f"write {path[-1]}: {value} there yourself") from None
    _replace(file, changed.encode())


def _replace(file: Path, content: bytes) -> None:
    beside = file.with_name(f".{file.name}.new")
    try:
        status = file.stat()
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as new:
                new.write(content)
                new.flush()
                os.fchmod(descriptor, status.st_mode & 0o7777)
                if os.geteuid() == 0:
                    os.fchown(descriptor, status.st_uid, status.st_gid)
                os.fsync(descriptor)
            beside.replace(file)
        except OSError:
            beside.unlink()
            raise
    except OSError as error:
        raise CommandError(f"'{file}' cannot be written: {(error.strerror or 'it failed').lower()}") from error


def create(file: Path, text: str) -> None:
    """A new file that its owner alone may read. Raises CommandError where there is one, or it cannot be made."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as new:
            new.write(text)
    except FileExistsError:
        raise CommandError(f"'{file}' is there already, and is left as it is") from None
    except OSError as error:
        raise CommandError(f"cannot write '{file}': {(error.strerror or '').lower()}") from None
