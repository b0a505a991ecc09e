"""`sentinel version`: which build this is, what it stands on, and where the files are that came with it."""

from __future__ import annotations

import platform
from importlib.metadata import version

from sentinel import files
from sentinel.commands.output import Output, OutputOption, print_json, print_table

EXAMPLES = ("sentinel version", "sentinel version --output json")

_PARTS = ("apsw", "cryptography", "hyperscan", "pysigma", "pyre2")


def command(output: OutputOption = Output.TEXT) -> None:
    """Which build this is, the versions of what it stands on, and where the files are that came with it."""
    facts = {"sentinel": version("breach-sentinel"), "python": platform.python_version()}
    facts |= {part: version(part) for part in _PARTS}
    facts["system"] = platform.platform(terse=True)
    facts |= {name: str(files.shipped(name)) for name in ("rules", "deploy")}
    if output is Output.JSON:
        print_json(facts)
    else:
        print_table(("part", "version"), facts.items())
