"""Outcomes of tests as JUnit's XML, which every service for continuous integration reads."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from xml.etree import ElementTree as ET

from sentinel.commands.explain_view import told
from sentinel.commands.output import CommandError
from sentinel.detect.ruletests import Outcome

_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write(path: Path, outcomes: Sequence[Outcome]) -> None:
    """One suite for each file of rules. Raises CommandError where the file cannot be written."""
    root = ET.Element("testsuites", _counts(outcomes))
    for file, found in groupby(sorted(outcomes, key=lambda each: each.file), lambda each: each.file):
        alike = list(found)
        suite = ET.SubElement(root, "testsuite", {"name": _clean(file), **_counts(alike)})
        for each in alike:
            names = {"classname": _clean(each.rule), "name": _clean(each.name), "file": _clean(each.file)}
            case = ET.SubElement(suite, "testcase", names)
            if not each.passed:
                failure = ET.SubElement(case, "failure", {"message": _clean(each.why)})
                failure.text = _clean("\n".join(told(each)))
    ET.indent(root)
    try:
        path.write_bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n")
    except OSError as error:
        raise CommandError(f"cannot write '{path}': {(error.strerror or '').lower()}") from None


def _counts(outcomes: Sequence[Outcome]) -> dict[str, str]:
    return {"tests": str(len(outcomes)), "failures": str(sum(not each.passed for each in outcomes)), "errors": "0"}


def _clean(text: str) -> str:
    """Without the characters that XML cannot have."""
    return _NOT_IN_XML.sub("?", text)
