"""What is to be watched and who is to be told: configuration, rules, sources, channels, and whether a daemon runs."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from sentinel.acts import StatusAnswer
from sentinel.control import NotRunning, Refused, ask, find_path
from sentinel.doctor.base import Diagnosis, Installation, doubtful, well, wrong


def configuration(installation: Installation) -> Iterator[Diagnosis]:
    """Whether a daemon would start with it."""
    errors = sum(problem.is_error for problem in installation.problems)
    warnings = len(installation.problems) - errors
    mend = "sentinel check says each at its line"
    if errors or installation.loaded is None:
        yield wrong("configuration", f"{errors} errors: no daemon starts or reloads with it", mend)
    elif warnings:
        yield doubtful("configuration", f"no errors, {warnings} warnings", mend)
    else:
        yield well("configuration", f"'{installation.loaded.path}' has no problems")


def rules(installation: Installation) -> Iterator[Diagnosis]:
    """Whether there is anything to look for."""
    if installation.book is None:
        return
    found = installation.book.rules
    count = len(found.detections) + len(found.correlations)
    if count:
        yield well("rules", f"{count} rules are loaded")
    else:
        yield wrong("rules", "there are no rules: nothing will ever be found", "give 'rules:' or 'shipped_rules: true'")


def sources(installation: Installation) -> Iterator[Diagnosis]:
    """Whether the files of each source are there and may be read by who runs this."""
    for source in installation.loaded.sources if installation.loaded else ():
        patterns = getattr(source.options, "paths", None)
        if patterns is None:
            continue
        found = [path for pattern in patterns for path in glob.glob(pattern, recursive=True)]  # noqa: PTH207  (patterns are absolute text)
        shut = [path for path in found if not os.access(path, os.R_OK)]
        about = f"source {source.name}"
        if shut:
            mend = "run this as the user of the service; give that user a group that may read them, or an ACL"
            yield wrong(about, f"{len(shut)} of {len(found)} files may not be read, such as '{shut[0]}'", mend)
        elif not found:
            yield doubtful(about, "no file matches its paths", "'paths' must name the logs as they are called now")
        else:
            yield well(about, f"{len(found)} files")


def channels(installation: Installation) -> Iterator[Diagnosis]:
    """Whether anybody hears of a case."""
    if installation.loaded is None:
        return
    names = ", ".join(installation.loaded.channels)
    if names:
        yield well("channels", f"{names}; 'sentinel channel test' sends a message through each")
    else:
        yield wrong("channels", "there are none: nobody is told of a case", "give 'channels:' in the configuration")


def daemon(installation: Installation) -> Iterator[Diagnosis]:
    """Whether a daemon answers, with this configuration."""
    if installation.loaded is None:
        return
    path = find_path(installation.loaded.control)
    try:
        status = cast("StatusAnswer", ask(path, "status", {}, timeout=5.0))
    except NotRunning:
        yield wrong("daemon", "it does not run: nobody watches", "systemctl start sentinel, or sentinel run")
    except (PermissionError, Refused) as error:
        yield doubtful("daemon", f"it cannot be asked: {_why(error)}", "use sudo, or the user it runs as")
    else:
        ours, its = installation.loaded.path, Path(status["config"])
        if ours.resolve() == its.resolve():
            yield well("daemon", f"pid {status['pid']} since {status['started_at']} with {status['rules']} rules")
        else:
            yield doubtful("daemon", f"it runs with another configuration, '{its}'", f"look at that: -c '{its}'")


def _why(error: Any) -> str:
    return error.message if isinstance(error, Refused) else "permission denied"
