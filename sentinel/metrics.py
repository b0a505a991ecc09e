"""Every metric, declared once. Labels come from closed sets (names in the configuration, reasons in the code) only."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.exposition import choose_encoder
from prometheus_client.process_collector import ProcessCollector

_COMMIT_BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)
_JUDGE_BUCKETS = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5)
_REACTION_BUCKETS = (60, 300, 900, 1800, 3600, 4 * 3600, 12 * 3600, 24 * 3600, 48 * 3600, 72 * 3600)
_NOTICE_BUCKETS = (0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 1800)


class Metrics:
    """The numbers of one daemon, in a registry of their own; safe to use from every thread.

    A metric here is named without `sentinel_`, and a counter without `_total`.
    """

    def __init__(self) -> None:
        # A `_created` series beside every counter doubles what is scraped and answers no question here.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # prometheus_client does not type it
        self.registry = CollectorRegistry(auto_describe=False)
        self._declare_reading()
        self._declare_judging()
        self._declare_cases()
        self._declare_daemon()
        ProcessCollector(namespace="sentinel", registry=self.registry)

    def _counter(self, name: str, says: str, *labels: str) -> Counter:
        return Counter(name, says, labels, namespace="sentinel", registry=self.registry)

    def _gauge(self, name: str, says: str, *labels: str) -> Gauge:
        return Gauge(name, says, labels, namespace="sentinel", registry=self.registry)

    def _histogram(self, name: str, says: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(name, says, namespace="sentinel", registry=self.registry, buckets=buckets)

    def _declare_reading(self) -> None:
        self.lines = self._counter("lines", "Records handed out by the source and judged.", "source")
        self.bytes = self._counter("bytes", "Bytes of records judged.", "source")
        self.blocks = self._counter("blocks", "Blocks of about 1 MiB judged.")
        self.source_unread_bytes = self._gauge(
            "source_unread_bytes", "Bytes written to the source's files and not yet judged.", "source"
        )
        self.source_unread_age = self._gauge(
            "source_unread_age_seconds", "At most so old is the oldest record written and not yet judged.", "source"
        )
        self.source_found = self._counter(
            "source_found", "Times that a source had something new, by what told of it: event or look.", "source", "by"
        )
        self.unterminated_records = self._counter(
            "unterminated_records", "Last lines of finished files that never got a newline.", "source"
        )
        self.source_last_event = self._gauge(
            "source_last_event_timestamp_seconds", "Time of the newest event of the source.", "source"
        )
        self.source_up = self._gauge("source_up", "1 where the source can be read, else 0.", "source")
        self.gaps = self._counter("gaps", "Stretches of a log lost before they were read.", "source", "reason")
        self.cut_records = self._counter("cut_records", "Records over the limit, judged by their head.", "source")

    def _declare_judging(self) -> None:
        self.candidates = self._counter("candidates", "Records that some rule could match.", "source")
        self.events = self._counter("events", "Candidate records parsed into events.", "source")
        self.unparsed = self._counter("unparsed", "Candidate records no format could read.", "source")
        self.rule_field_never_seen = self._gauge(
            "rule_field_never_seen", "1 for a field of a rule that no record looked at had.", "rule", "field", "source"
        )
        self.accesses = self._counter("accesses", "Accesses to personal data.", "source", "system")
        self.accesses_without_actor = self._counter(
            "accesses_without_actor", "Accesses whose record does not say who: a hole in the watch.", "source"
        )
        self.late = self._counter("late", "Events older than the watermark; windows may miss them.", "source")
        self.future = self._counter("future", "Events ahead of the clock by more than five minutes.", "source")
        self.no_time = self._counter("no_time", "Events without a time, given the time of the one before.", "source")
        self.findings = self._counter("findings", "Findings, by rule, level and mode.", "rule", "level", "mode")
        self.excepted = self._counter("excepted", "Matches that an exception left out.", "exception", "rule")
        self.exception_ends = self._gauge(
            "exception_ends_timestamp_seconds", "When an exception is over, where it has an end.", "exception"
        )
        self.suppressed = self._counter("suppressed", "Findings held back by a rule's suppression.", "rule")
        self.evictions = self._counter("evictions", "Window keys given up because a rule reached its limit.", "rule")
        self.record_errors = self._counter("record_errors", "Records whose judging failed by a bug of ours.", "type")
        self.group_field_missing = self._counter(
            "group_field_missing", "Matching events without a field that the rule groups by.", "rule", "field"
        )
        self.counted_field_missing = self._counter(
            "counted_field_missing", "Matching events without a value, or a number, for the rule to count.", "rule"
        )
        self.judge_seconds = self._histogram("judge_seconds", "Time to judge one block.", _JUDGE_BUCKETS)

    def _declare_cases(self) -> None:
        self.cases = self._gauge("cases", "Cases in the register, by state.", "state")
        self.cases_opened = self._counter("cases_opened", "Cases opened.", "level")
        self.earliest_deadline = self._gauge(
            "earliest_deadline_timestamp_seconds", "The nearest deadline that is not met; 0 where there is none."
        )
        self.overdue_cases = self._gauge("overdue_cases", "Cases whose deadline has passed and is not met.")
        self.unacknowledged_since = self._gauge(
            "unacknowledged_since_timestamp_seconds",
            "Since when the longest waiting breach case has had nobody who acknowledged it; 0 where there is none.",
        )
        self.acknowledge_seconds = self._histogram(
            "acknowledge_seconds", "From a case's detection to its first acknowledgement.", _REACTION_BUCKETS
        )
        self.notify_seconds = self._histogram(
            "notify_seconds", "From a case's detection to the first notice to an authority.", _REACTION_BUCKETS
        )
        self.silenced = self._counter("silenced", "News of cases that a silence held back.")
        self.outbox_pending = self._gauge("outbox_pending", "Messages owed and not yet taken.", "channel")
        self.outbox_given_up = self._gauge(
            "outbox_given_up",
            "Messages that the channel will never take; `sentinel channel resend` owes them again.",
            "channel",
        )
        self.outbox_oldest_age = self._gauge("outbox_oldest_age_seconds", "Age of the oldest message still owed.")
        self.notifications = self._counter("notifications", "Attempts to send, by outcome.", "channel", "outcome")
        self.heartbeat = self._gauge(
            "heartbeat_last_success_timestamp_seconds", "When the outside watcher last took a heartbeat; 0 for never."
        )
        self.channel_last_success = self._gauge(
            "channel_last_success_timestamp_seconds", "When the channel last took a message; 0 for never.", "channel"
        )
        self.notice_seconds = self._histogram(
            "notice_seconds",
            "From a message owed (which is when its case is decided) to the message taken.",
            _NOTICE_BUCKETS,
        )

    def _declare_daemon(self) -> None:
        self.commit_seconds = self._histogram("commit_seconds", "Time of one commit of the store.", _COMMIT_BUCKETS)
        self.store_bytes = self._gauge("store_bytes", "Size of the store's files.", "file")
        self.store_free_bytes = self._gauge(
            "store_free_bytes", "Room left for the daemon on the file system of the state."
        )
        self.store_rescues = self._counter("store_rescues", "Times that a copy replaced the damaged state.")
        self.master_key_missing = self._gauge(
            "master_key_missing", "1 while the watch goes on without the master key, else 0."
        )
        self.backup_made = self._gauge("backup_timestamp_seconds", "When the newest copy of the state was made.")
        self.backup_failures = self._counter("backup_failures", "Copies of the state that could not be made.")
        self.encryption_check_seconds = self._gauge(
            "encryption_check_seconds", "How long it took to seal something with each kind of key and open every key."
        )
        self.encryption_check_failures = self._counter("encryption_check_failures", "Times that this did not work.")
        self.encryption_checked = self._gauge(
            "encryption_check_timestamp_seconds", "When it was last seen that encryption works."
        )
        self.master_key_since = self._gauge(
            "master_key_timestamp_seconds", "Since when the master key that is in use has been."
        )
        self.collected_records = self._counter("collected_records", "Records collected around cases.", "source")
        self.collections_due = self._gauge("collections_due", "Cases around which records are being collected now.")
        self.clock_jumps = self._counter("clock_jumps", "Times that the wall clock was set.", "direction")
        for direction in ("forward", "back"):
            self.clock_jumps.labels(direction)
        self.suspended_seconds = self._counter("suspended_seconds", "Time that the machine was suspended.")
        self.wakeups = self._counter("wakeups", "Turns of the main loop, by what woke it.", "kind")
        self.behind = self._gauge("behind", "1 while so much is unread that rules in shadow are left out, else 0.")
        self.last_turn = self._gauge("last_turn_timestamp_seconds", "When the main loop last turned.")
        self.rules_loaded = self._gauge("rules_loaded", "Rules at work, by kind and mode.", "kind", "mode")
        self.rule_info = self._gauge(
            "rule_info", "1 for each rule; the labels say which family of shipped rules it is of.", "rule", "family"
        )
        self.config_reload_ok = self._gauge("config_reload_ok", "1 where the newest configuration is at work, else 0.")
        self.config_loaded = self._gauge("config_loaded_timestamp_seconds", "When the configuration at work was read.")
        self.http_listening = self._gauge("http_listening", "1 where the HTTP address could be taken, else 0.")
        self.acting_listening = self._gauge(
            "acting_listening", "1 where the pages behind the links in messages are served, else 0."
        )
        self.control_requests = self._counter("control_requests", "Requests on the control socket.", "act", "outcome")
        self.build_info = self._gauge("build_info", "1; the labels say which build runs.", "version", "sqlite")


def render(metrics: Metrics, accept: str = "") -> tuple[bytes, str]:
    """The exposition text and its content type: OpenMetrics for who accepts it, else Prometheus text 0.0.4."""
    encode, content_type = choose_encoder(accept)
    return encode(metrics.registry), content_type
