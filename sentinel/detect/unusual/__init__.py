"""What is unusual: the conditions of `sentinel:` that remember, one file a kind.

A condition is a judge: it is shown what a rule matched, says whether that is unusual, and learns. What it knows are
small cells of numbers by keyed hash (`judge.Judge`), so that every kind is saved, restored and swept in one way. Judges
are pure: no clock, no I/O, and nothing of the engine; times are microseconds in UTC.
"""
