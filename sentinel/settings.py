"""What sentinel.yaml may say, key by key; what one type of source or channel can be told stands in its own file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from sentinel import zones
from sentinel.cases.options import CaseOptions
from sentinel.clock import DAY, MINUTE
from sentinel.detect.pipelines import Pipeline
from sentinel.durations import Duration
from sentinel.heartbeat import HeartbeatOptions
from sentinel.inviting import ActingOptions
from sentinel.model import LogSource
from sentinel.routing import Route
from sentinel.secrets import SecretRef
from sentinel.sources.options import SourceOptions

Text = Annotated[str, StringConstraints(min_length=1)]
PathText = Annotated[str, StringConstraints(min_length=1, max_length=4095, pattern=r"^[^\x00]+$")]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


def listen_address(text: str) -> tuple[str, int]:
    """Host and port of text such as '127.0.0.1:9108' or '[::1]:9108'. Raises ValueError for anything else."""
    host, colon, port = text.rpartition(":")
    is_bracketed = host.startswith("[") and host.endswith("]")
    if not colon or not host or (":" in host and not is_bracketed) or not port.isascii() or not port.isdigit():
        raise ValueError("an address to listen on is host and port, such as '127.0.0.1:9108' or '[::1]:9108'")
    if len(port) > 5 or int(port) > 65535:
        raise ValueError(f"there is no port {port[:20]}: the highest is 65535")
    return host.strip("[]"), int(port)


def _is_address(text: str) -> str:
    listen_address(text)
    return text


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class LogSourcePart(_Part):
    """Which kind of log it is, in Sigma's words; a rule is tried where its own words fit."""

    category: Text | None = None
    product: Text | None = None
    service: Text | None = None


class ReadingPart(_Part):
    """How the records of a source are read, whatever its type. `time` names the field that holds the event time.
    `pipeline` says what the fields of rules are called here: a name, or the path of a pySigma pipeline.
    """

    format: str | dict[str, Any] = "auto"
    logsource: LogSourcePart = LogSourcePart()
    timezone: zones.ZoneName = "UTC"
    time: Text | None = None
    pipeline: PathText | None = None


class LoginPart(_Part):
    """Who may see the pages (RFC 7617)."""

    user: Annotated[str, StringConstraints(min_length=1, pattern=r"^[^:\x00-\x1f]+$")]
    password: SecretRef


class HttpPart(_Part):
    """Where /metrics, /healthz and /readyz are served, empty for nowhere; under TLS and to whom."""

    listen: Annotated[str, AfterValidator(_is_address)] | None = "127.0.0.1:9108"
    certificate: PathText | None = None
    private_key: PathText | None = None
    login: LoginPart | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if (self.certificate is None) != (self.private_key is None):
            raise ValueError("'certificate' and 'private_key' go together")
        return self


class ShippedPart(_Part):
    """Which of the rules that come with Sentinel are used: all but the families that are named."""

    without: tuple[Text, ...] = ()


class ActingPart(ActingOptions):
    """Whether and how people may act on cases from messages."""

    listen: Annotated[str, AfterValidator(_is_address)]


class ControlPart(_Part):
    """The socket by which commands ask the daemon to act."""

    socket: PathText | None = None


class KeysPart(_Part):
    """The key above all keys of evidence; without it, a file beside the state holds one. It should be no older than
    `oldest`.
    """

    master: SecretRef | None = None
    oldest: Annotated[Duration, Field(ge=DAY)] | None = 365 * DAY


class HeadsPart(_Part):
    """Through which channel the end of the audit chain leaves the machine, and how often."""

    every: Annotated[Duration, Field(ge=MINUTE)] = DAY
    channel: Name


class AuditPart(_Part):
    """What is done for the audit trail beside keeping it."""

    heads: HeadsPart | None = None


class BackupPart(_Part):
    """The copies that the daemon makes of its state, by itself; 0 for `keep` means that none is made."""

    folder: PathText | None = None
    every: Duration = DAY
    keep: int = Field(default=7, ge=0, le=1000)


class LedgerPart(_Part):
    """How long every access to personal data is kept, with keyed hashes in place of names."""

    keep: Duration = Field(default=180 * DAY, ge=DAY)


class ConfigPart(_Part):
    """The file as a whole. Sources and channels are read one by one, each as its type."""

    state: PathText | None = None
    rules: tuple[PathText, ...] = ()
    shipped_rules: bool | ShippedPart = True
    inventory: PathText | None = None
    lists: dict[Name, PathText] = {}
    geoip: PathText | None = None
    rule_budget: float = Field(default=0.05, gt=0, le=1)
    sources: tuple[dict[str, Any], ...] = Field(min_length=1)
    cases: CaseOptions = CaseOptions()
    channels: dict[Name, dict[str, Any]] = {}
    routes: tuple[Route, ...] = ()
    http: HttpPart = HttpPart()
    heartbeat: HeartbeatOptions | None = None
    acting: ActingPart | None = None
    control: ControlPart = ControlPart()
    keys: KeysPart = KeysPart()
    audit: AuditPart = AuditPart()
    backup: BackupPart = BackupPart()
    ledger: bool | LedgerPart = True


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpConfig:
    """Where the pages are served: `address` is host and port; `certificate` and `private_key` are there together."""

    address: tuple[str, int]
    certificate: Path | None
    private_key: Path | None
    login: LoginPart | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceConfig:
    """One source: `options` for the source itself, the rest for what reads its records; `number` is its place among
    the sources of the file, from 0.
    """

    number: int
    options: SourceOptions
    format: str | Mapping[str, Any]
    logsource: LogSource
    timezone: ZoneInfo
    time: str | None
    pipeline: Pipeline | None = None

    @property
    def name(self) -> str:
        """By which people and the store know it."""
        return self.options.name
