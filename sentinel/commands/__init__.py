"""The commands, one file each.

A file here is named as its command and has either a function `command`, typed for typer, or (a command with commands of
its own) a Typer named `app`. `EXAMPLES`, a tuple of command lines, is shown at the end of its help. It is imported when
its command is called and not before, so that `sentinel --help` answers at once; so a command may import at its top
whatever it needs.
"""
