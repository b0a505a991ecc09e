"""What can be asked of the running daemon, with what, and what it answers: the shapes on the control socket, as JSON.

| act | arguments | answer |
|---|---|---|
| `status` | none | StatusAnswer |
| `case.list` | none | ListAnswer |
| `case.show` | ShowArguments | CaseDetail |
| `case.register` | none | RegisterAnswer |
| `case.parties` | ShowArguments | PartiesAnswer |
| `case.open` | OpenArguments | MoveAnswer |
| `case.move` | MoveArguments | MoveAnswer |
| `case.collect` | ReasonArguments | CollectAnswer |
| `case.reveal` | RevealArguments | RevealAnswer |
| `case.approve` | ApproveArguments | ApproveAnswer |
| `case.destroy` | DestroyArguments | MoveAnswer |
| `channel.list` | none | ChannelsAnswer |
| `channel.test` | ChannelArguments | TestsAnswer |
| `channel.outcome` | OutcomeArguments | OutcomeAnswer |
| `channel.resend` | ChannelArguments | ResendAnswer |
| `silence.add` | SilenceArguments | SilenceAnswer |
| `silence.list` | none | SilencesAnswer |
| `silence.end` | EndArguments | SilencesAnswer |
| `link.show` | LinkArguments | LinkAnswer |
| `link.use` | UseArguments | UseAnswer |
| `slack.pressed` | SlackArguments | SlackAnswer |
| `subject.export` | SubjectArguments | SubjectAnswer |
| `subject.erase` | SubjectArguments | SubjectAnswer |
| `subject.council` | none | CouncilAnswer |
| `report` | ReportArguments | the report as JSON, see docs/report.md |
| `rules.status` | none | activity.RulesAnswer |
| `reload` | none | ReloadAnswer |

Rule of this file: times are RFC 3339 text in UTC. `CaseRow` is the public form of `sentinel case list --output json`;
a key may be added to it, not changed or removed.
"""

from __future__ import annotations

from sentinel.acts.cases import (
    ApproveAnswer,
    ApproveArguments,
    CaseDetail,
    CaseRow,
    ClockRow,
    CollectAnswer,
    CollectedRow,
    CollectionRow,
    DestroyArguments,
    EvidenceRow,
    FactorRow,
    FindingRow,
    ListAnswer,
    MessageRow,
    MoveAnswer,
    MoveArguments,
    NamedRow,
    NoticeRow,
    OpenArguments,
    PartiesAnswer,
    ReasonArguments,
    RecordRow,
    RegisterAnswer,
    RevealAnswer,
    RevealArguments,
    SeverityRow,
    ShowArguments,
    TaskRow,
    TimelineRow,
)
from sentinel.acts.channels import (
    ChannelArguments,
    ChannelRow,
    ChannelsAnswer,
    EndArguments,
    OutcomeAnswer,
    OutcomeArguments,
    ResendAnswer,
    SilenceAnswer,
    SilenceArguments,
    SilenceRow,
    SilencesAnswer,
    TestRow,
    TestsAnswer,
)
from sentinel.acts.service import (
    ReloadAnswer,
    ReportArguments,
    StatusAnswer,
)
from sentinel.acts.subjects import (
    CouncilAnswer,
    CouncilReveal,
    CouncilRule,
    HeldCase,
    SubjectAnswer,
    SubjectArguments,
)

__all__ = [
    "ACTS",
    "MOVES",
    "ApproveAnswer",
    "ApproveArguments",
    "CaseDetail",
    "CaseRow",
    "ChannelArguments",
    "ChannelRow",
    "ChannelsAnswer",
    "ClockRow",
    "CollectAnswer",
    "CollectedRow",
    "CollectionRow",
    "CouncilAnswer",
    "CouncilReveal",
    "CouncilRule",
    "DestroyArguments",
    "EndArguments",
    "EvidenceRow",
    "FactorRow",
    "FindingRow",
    "HeldCase",
    "ListAnswer",
    "MessageRow",
    "MoveAnswer",
    "MoveArguments",
    "NamedRow",
    "NoticeRow",
    "OpenArguments",
    "OutcomeAnswer",
    "OutcomeArguments",
    "PartiesAnswer",
    "ReasonArguments",
    "RecordRow",
    "RegisterAnswer",
    "ReloadAnswer",
    "ReportArguments",
    "ResendAnswer",
    "RevealAnswer",
    "RevealArguments",
    "SeverityRow",
    "ShowArguments",
    "SilenceAnswer",
    "SilenceArguments",
    "SilenceRow",
    "SilencesAnswer",
    "StatusAnswer",
    "SubjectAnswer",
    "SubjectArguments",
    "TaskRow",
    "TestRow",
    "TestsAnswer",
    "TimelineRow",
]

ACTS = (
    *("status", "case.list", "case.show", "case.parties", "case.register", "case.open", "case.move"),
    *("case.collect", "case.reveal", "case.approve", "case.destroy"),
    *("channel.list", "channel.test", "channel.outcome", "channel.resend"),
    *("silence.add", "silence.list", "silence.end"),
    *("link.show", "link.use", "slack.pressed"),
    *("subject.export", "subject.erase", "subject.council"),
    *("report", "rules.status", "reload"),
)

MOVES = (
    "confirm", "dismiss", "notify", "close", "reopen", "acknowledge", "own", "note", "describe", "task", "done", "role",
    "assess", "rate", "export", "classify", "waive", "unwaive", "extend", "merge", "unmerge", "split",
    "hold", "release",
)  # fmt: skip
