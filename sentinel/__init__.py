"""Sentinel: from a log line about personal data to a breach case and its 72-hour clock."""

__version__ = "0.1.0"
