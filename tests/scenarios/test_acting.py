"""Acting on a case from a message, the whole way: from a finding through real mail and a real page to the register."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import apsw
import pytest
import requests

from sentinel.clock import DAY, HOUR, MINUTE, SECOND, Micros, SetClock
from sentinel.web.guard import AT_ONCE
from tests.scenarios.test_daemon import CONFIG, NOON, Watch, folder
from tests.unit.loopback import Answer, Service, service
from tests.unit.mail import Postbox, server

__all__ = ["folder"]

SIGNING = "8f742231b10e8888abcd99yyyzzz85a5"
CHANNELS = """
channels:
  soc: {{type: webhook, url: "{soc}", secret: {{file: hook}}, allow_private: true}}
  kim:
    {{type: email, host: localhost, port: {mail}, tls: none, sender: sentinel@example.org, to: [kim@example.org],
     allow_private: true}}
  team:
    {{type: slack, token: {{file: token}}, channel: C1, api: "{slack}", signing_secret: {{file: signing}},
     allow_private: true}}
acting:
  listen: "127.0.0.1:{port}"
  url: "http://127.0.0.1:{port}/act"
  people:
    kim: {{email: Kim@example.org, slack: U024BE7LH}}
"""
PAGE = re.compile(r"http://127\.0\.0\.1:\d+/act/[\w-]+")
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class StillClock(SetClock):
    """Moves when a test moves it and at no other time: who waits is woken, or looks again soon."""

    def wait(self, seconds: float, wake: threading.Event) -> bool:
        woken = wake.wait(min(seconds, 0.01))
        wake.clear()
        return woken


def a_free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


class Chat:
    """A watch whose messages go to a webhook, a person's mailbox and a Slack that only looks like one."""

    def __init__(self, folder: Path, soc: Service, slack: Service, box: Postbox, mail: int) -> None:
        self.folder, self.soc, self.slack, self.box = folder, soc, slack, box
        self.port = a_free_port()
        slack.answers = [Answer(body=json.dumps({"ok": True, "channel": "C1", "ts": "17.5"}).encode())]
        written = CHANNELS.format(soc=soc.url, slack=slack.url, mail=mail, port=self.port)
        (folder / "sentinel.yaml").write_text(CONFIG + written, encoding="utf-8")
        (folder / "hook").write_text("whsec_" + "A" * 40, encoding="utf-8")
        (folder / "token").write_text("xoxb-T0SECRET", encoding="utf-8")
        (folder / "signing").write_text(SIGNING, encoding="utf-8")
        self.watch = Watch(folder, clock=StillClock(NOON))

    def open_case(self, who: str = "lee") -> str:
        """A case is open, and everybody has its message."""
        self.watch.read(who, range(5))
        self.watch.turn()
        case = next(case["id"] for case in self.watch.cases() if case["state"] == "open")
        self.until(lambda: self.delivered(case))
        return str(case)

    def delivered(self, case: str) -> bool:
        return all(row["state"] == "sent" for row in self.watch.ask("case.show", case=case)["messages"])

    def until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            self.watch.turn(1)

    @property
    def shared_link(self) -> str:
        return str(json.loads(self.soc.received[-1].body)["data"]["links"][0]["url"])

    @property
    def personal_links(self) -> list[str]:
        content = self.box.taken[-1].content
        assert isinstance(content, bytes)
        mail = message_from_bytes(content, policy=policy.default)
        text = mail.get_body(("plain",))
        assert text is not None
        return PAGE.findall(text.get_content())

    def request(self, method: str, url: str, **options: Any) -> requests.Response:
        """What the page answers, asked from another thread while the daemon turns."""
        with ThreadPoolExecutor(1) as asking:
            answer: Future[requests.Response] = asking.submit(requests.request, method, url, timeout=20, **options)
            while not answer.done():
                self.watch.daemon.turn()
                wait([answer], 0.01)
        return answer.result()

    def look(self, url: str) -> requests.Response:
        return self.request("GET", url)

    def press(self, url: str, act: str, headers: dict[str, str] | None = None, **form: str) -> requests.Response:
        origin = {"Origin": f"http://127.0.0.1:{self.port}"} if headers is None else headers
        return self.request("POST", url, data={"act": act, **form}, headers=origin)

    def case(self, case: str) -> dict[str, Any]:
        return dict(self.watch.ask("case.show", case=case)["case"])

    def acts(self, case: str) -> list[tuple[str, str, str, str]]:
        """(act, who, how sure that is, why) of everything that somebody did from a message."""
        timeline = self.watch.ask("case.show", case=case)["timeline"]
        rows = [(row, (row["detail"] or {}).get("known_by")) for row in timeline]
        return [(row["act"], row["who"], str(known), row["reason"]) for row, known in rows if known]

    # --- Slack -------------------------------------------------------------------------------------------------

    def slack_says(
        self,
        case: str,
        act: str,
        *,
        user: str = "U024BE7LH",
        reason: str = "",
        late: Micros = 0,
        wrong: dict[str, str] | None = None,
    ) -> requests.Response:
        """Slack tells that somebody pressed a button; `wrong` replaces headers."""
        payload = {
            "type": "block_actions",
            "user": {"id": user},
            "actions": [{"action_id": f"sentinel_{act}", "value": case}],
            "state": {"values": {"b1": {"reason": {"type": "plain_text_input", "value": reason or None}}}},
            "response_url": self.slack.url,
        }
        body = urlencode({"payload": json.dumps(payload)})
        return self.slack_sends(body, late=late, wrong=wrong)

    def slack_sends(self, body: str, *, late: Micros = 0, wrong: dict[str, str] | None = None) -> requests.Response:
        seconds = str((self.watch.clock.now() - late) // SECOND)
        signed = hmac.new(SIGNING.encode(), f"v0:{seconds}:{body}".encode(), hashlib.sha256).hexdigest()
        headers = {"X-Slack-Request-Timestamp": seconds, "X-Slack-Signature": f"v0={signed}", **FORM, **(wrong or {})}
        return self.request("POST", f"http://127.0.0.1:{self.port}/act/slack", data=body, headers=headers)

    def slack_was_told(self) -> str:
        """What the daemon last said to who pressed a button."""
        self.until(lambda: any(b"ephemeral" in each.body for each in self.slack.received))
        return str(json.loads([each for each in self.slack.received if b"ephemeral" in each.body][-1].body)["text"])


@pytest.fixture
def chat(folder: Path) -> Iterator[Chat]:
    with ExitStack() as open_now:
        box = Postbox()
        soc, slack = open_now.enter_context(service()), open_now.enter_context(service())
        started = Chat(folder, soc, slack, box, open_now.enter_context(server(box)))
        yield started
        started.watch.daemon.close()


# --- links -----------------------------------------------------------------------------------------------------


def test_to_look_changes_nothing_however_often_a_scanner_does_it(chat: Chat) -> None:
    case = chat.open_case()
    for method in ("GET", "HEAD", "GET"):
        assert chat.request(method, chat.shared_link).status_code == 200
    page = chat.look(chat.shared_link).text
    assert "<button" in page
    assert case in page
    assert chat.case(case)["acknowledged_at"] is None


def test_whoever_reads_the_channel_can_acknowledge_and_no_more(chat: Chat) -> None:
    case = chat.open_case()
    page = chat.look(chat.shared_link).text
    assert 'value="acknowledge"' in page
    assert 'value="confirm"' not in page
    assert chat.press(chat.shared_link, "confirm", reason="I say so").status_code == 409
    assert chat.press(chat.shared_link, "dismiss", reason="I say so").status_code == 409
    answer = chat.press(chat.shared_link, "acknowledge")
    assert (answer.status_code, "is acknowledged" in answer.text) == (200, True)
    found = chat.case(case)
    assert (found["state"], found["owner"]) == ("open", "somebody in 'soc'")
    assert chat.acts(case) == [("case.acknowledge", "somebody in 'soc'", "shared link", "from the message")]


def test_everybody_hears_that_somebody_looks_after_it(chat: Chat) -> None:
    case = chat.open_case()
    chat.press(chat.shared_link, "acknowledge")
    chat.until(lambda: chat.delivered(case))
    told = json.loads(chat.soc.received[-1].body)
    assert (told["type"], told["data"]["links"]) == ("case.acknowledged", [])


def test_a_link_is_good_once(chat: Chat) -> None:
    case = chat.open_case()
    link = chat.shared_link
    chat.press(link, "acknowledge")
    again = chat.press(link, "acknowledge")
    assert (again.status_code, "was used" in again.text, "<button" in again.text) == (410, True, False)
    assert "was used" in chat.look(link).text
    assert len(chat.acts(case)) == 1


def test_one_person_can_decide_by_mail_with_a_reason(chat: Chat) -> None:
    case = chat.open_case()
    acknowledge, decide = chat.personal_links
    assert chat.press(decide, "confirm", reason="  ").status_code == 409
    assert chat.press(decide, "acknowledge").status_code == 409
    answer = chat.press(decide, "confirm", reason="read the records of a neighbour")
    assert (answer.status_code, "is confirmed" in answer.text) == (200, True)
    assert chat.case(case)["state"] == "confirmed"
    assert chat.acts(case) == [("case.confirm", "kim", "personal link", "read the records of a neighbour")]
    assert chat.press(acknowledge, "acknowledge").status_code == 410


def test_one_person_can_dismiss_by_mail_and_say_why(chat: Chat) -> None:
    case = chat.open_case()
    _, decide = chat.personal_links
    assert chat.press(decide, "dismiss", reason="ward round", code="nonsense").status_code == 409
    assert chat.press(decide, "dismiss", reason="ward round", code="legitimate").status_code == 200
    found = chat.case(case)
    assert (found["state"], found["dismissal"], found["owner"]) == ("dismissed", "legitimate", "kim")


def test_a_link_made_for_somebody_else_opens_nothing_once_the_address_is_another_persons(chat: Chat) -> None:
    chat.open_case()
    _, decide = chat.personal_links
    text = (chat.folder / "sentinel.yaml").read_text(encoding="utf-8")
    (chat.folder / "sentinel.yaml").write_text(text.replace("kim: {email", "lee: {email"), encoding="utf-8")
    assert chat.watch.ask("reload")["reloaded"]
    assert chat.look(decide).status_code == 404


def test_a_link_is_good_for_a_day_after_its_message_was_sent(chat: Chat) -> None:
    case = chat.open_case()
    link = chat.shared_link
    sent_at = chat.watch.clock.now()
    chat.watch.clock.move_to(sent_at + DAY - 10 * MINUTE)
    assert chat.look(link).status_code == 200
    chat.watch.clock.move_to(sent_at + DAY)
    assert chat.look(link).status_code == 410
    assert chat.press(link, "acknowledge").status_code == 410
    assert chat.case(case)["acknowledged_at"] is None


def test_a_link_that_waited_out_an_outage_is_good_when_it_arrives(chat: Chat) -> None:
    chat.soc.answers = [Answer(503)]
    chat.watch.read("lee", range(5))
    chat.watch.turn()
    chat.until(lambda: bool(chat.soc.received))
    chat.watch.clock.move_to(NOON + 5 * DAY)
    chat.soc.answers = [Answer(200)]
    (case,) = chat.watch.cases()
    chat.watch.daemon.courier.wake()
    chat.until(lambda: chat.delivered(case["id"]))
    links = [json.loads(each.body)["data"]["links"] for each in chat.soc.received]
    assert chat.look(links[0][0]["url"]).status_code == 200


def test_a_link_that_was_not_made_here_leads_nowhere(chat: Chat) -> None:
    case = chat.open_case()
    start, _, token = chat.shared_link.rpartition("/")
    flipped = ("B" if token[0] == "A" else "A") + token[1:]
    for forged in (flipped, token[:-4], token + "AAAA", "A" * 43, "%00%C3%BC<script>", f"../{token}", f"x/{token}", ""):
        for answer in (chat.look(f"{start}/{forged}"), chat.press(f"{start}/{forged}", "acknowledge")):
            assert (forged, answer.status_code) == (forged, 404)
            assert "<script>" not in answer.text
            assert case not in answer.text
    assert chat.acts(case) == []


def test_a_link_that_somebody_moved_to_another_case_in_the_store_opens_nothing(chat: Chat) -> None:
    chat.open_case()
    link = chat.shared_link
    with apsw.Connection(str(chat.folder / "state" / "sentinel.db")) as db:
        db.execute("UPDATE links SET case_id = 'C-00000000'")
    assert chat.look(link).status_code == 404


def test_of_a_token_only_a_hash_outlives_the_sending(chat: Chat) -> None:
    chat.open_case()
    tokens = [link.rpartition("/")[2] for link in (chat.shared_link, *chat.personal_links)]
    chat.watch.daemon.close()
    kept = b"".join(path.read_bytes() for path in (chat.folder / "state").rglob("*") if path.is_file())
    assert [token for token in tokens if token.encode() in kept] == []
    with apsw.Connection(str(chat.folder / "state" / "sentinel.db")) as db:
        assert {len(body) for (body,) in db.execute("SELECT body FROM outbox")} == {0}
        digests = {digest for (digest,) in db.execute("SELECT digest FROM links")}
    assert digests >= {hashlib.sha256(token.encode()).digest() for token in tokens}
    chat.watch = Watch(chat.folder, clock=chat.watch.clock)
    assert chat.look(f"http://127.0.0.1:{chat.port}/act/{tokens[0]}").status_code == 200


# --- what stands before the pages ------------------------------------------------------------------------------


def test_no_other_site_can_press_the_button(chat: Chat) -> None:
    case = chat.open_case()
    own = {"Origin": f"http://127.0.0.1:{chat.port}"}
    other = [{"Origin": origin} for origin in ("https://evil.example", "null", "http://127.0.0.1")]
    for headers in ({}, *other, own | {"Sec-Fetch-Site": "cross-site"}):
        assert chat.press(chat.shared_link, "acknowledge", headers).status_code == 403
    assert chat.acts(case) == []


def test_no_other_name_leads_to_the_pages(chat: Chat) -> None:
    chat.open_case()
    assert chat.request("GET", chat.shared_link, headers={"Host": "evil.example"}).status_code == 421


def test_a_browser_is_told_to_run_frame_keep_and_tell_nothing(chat: Chat) -> None:
    chat.open_case()
    answer = chat.look(chat.shared_link)
    policy_ = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy_
    assert "unsafe" not in policy_
    assert "frame-ancestors 'none'" in policy_
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert re.findall(r"<script|style=|\son\w+=|https?://", answer.text) == []
    assert chat.look(chat.shared_link.rpartition("/")[0] + "/act.css").headers["content-type"].startswith("text/css")


def test_nothing_of_a_person_is_on_a_page(chat: Chat) -> None:
    case = chat.open_case()
    chat.watch.ask("case.move", case=case, move="own", reason="hers", owner="ada.lovelace")
    for link in (chat.shared_link, *chat.personal_links):
        page = chat.look(link).text
        assert [word for word in ("lee", "kim", "ada", "10.0.0.1", "/patients/") if word in page] == []


def test_who_asks_too_often_has_to_wait(chat: Chat) -> None:
    chat.open_case()
    answers = [chat.look(f"http://127.0.0.1:{chat.port}/act/act.css") for _ in range(AT_ONCE + 1)]
    assert {answer.status_code for answer in answers} == {200, 429}
    assert answers[-1].headers["retry-after"] == "60"
    chat.watch.clock.move_to(chat.watch.clock.now() + MINUTE)
    assert chat.look(f"http://127.0.0.1:{chat.port}/act/act.css").status_code == 200


def test_a_form_that_is_too_long_is_not_read(chat: Chat) -> None:
    case = chat.open_case()
    _, decide = chat.personal_links
    assert chat.press(decide, "confirm", reason="x" * 200_000).status_code == 409
    assert chat.acts(case) == []


# --- Slack -----------------------------------------------------------------------------------------------------


def test_who_slack_knows_and_the_configuration_too_can_decide(chat: Chat) -> None:
    case = chat.open_case()
    assert chat.slack_says(case, "confirm", reason="seen the log").status_code == 200
    assert chat.slack_was_told() == f"Done: case {case} is confirmed as a breach."
    assert chat.case(case)["state"] == "confirmed"
    assert chat.acts(case) == [("case.confirm", "kim", "slack user mapped", "seen the log")]


def test_a_decision_in_slack_needs_a_reason(chat: Chat) -> None:
    case = chat.open_case()
    assert chat.slack_says(case, "dismiss").status_code == 200
    assert "write the reason" in chat.slack_was_told()
    assert chat.case(case)["state"] == "open"


def test_who_only_slack_knows_can_acknowledge_and_no_more(chat: Chat) -> None:
    case = chat.open_case()
    chat.slack_says(case, "confirm", user="U0STRANGER", reason="I say so")
    assert "whom Sentinel knows" in chat.slack_was_told()
    chat.slack_says(case, "acknowledge", user="U0STRANGER")
    assert chat.acts(case) == [("case.acknowledge", "somebody in 'team'", "slack user not mapped", "from the message")]


def test_a_request_of_slacks_is_acted_upon_once(chat: Chat) -> None:
    case = chat.open_case()
    assert chat.slack_says(case, "acknowledge").status_code == 200
    assert chat.slack_says(case, "acknowledge").status_code == 401
    assert len(chat.acts(case)) == 1


def test_a_request_of_another_time_or_that_slack_did_not_sign_is_not_believed(chat: Chat) -> None:
    case = chat.open_case()
    for late in (-HOUR, -6 * MINUTE, 6 * MINUTE, HOUR):
        assert chat.slack_says(case, "acknowledge", late=late).status_code == 401
    signatures = ("v0=" + "0" * 64, "", "v1=" + "0" * 64, "v0=\u00fc")
    wrong = [{"X-Slack-Signature": each.encode().decode("latin-1")} for each in signatures]
    wrong += [{"X-Slack-Request-Timestamp": each} for each in ("now", str(chat.watch.clock.now() // SECOND + 1))]
    for headers in wrong:
        assert chat.slack_says(case, "acknowledge", wrong=headers).status_code == 401
    assert chat.acts(case) == []


def test_what_else_slack_may_send_is_taken_and_does_nothing(chat: Chat) -> None:
    case = chat.open_case()
    no_button = ("{}", "[]", '{"type":"block_actions","actions":[]}', '{"type":"view_submission"}', "x", '{"type":1}')
    for body in ("token=1", *(urlencode({"payload": payload}) for payload in no_button)):
        assert chat.slack_sends(body).status_code == 200
    assert chat.acts(case) == []


def test_a_button_on_a_case_that_is_decided_says_so(chat: Chat) -> None:
    case = chat.open_case()
    chat.watch.ask("case.move", case=case, move="dismiss", reason="known")
    chat.slack_says(case, "confirm", reason="but")
    assert chat.slack_was_told() == f"Not done: case {case} is dismissed."


def test_the_buttons_of_a_message_are_those_the_case_has_a_use_for(chat: Chat) -> None:
    case = chat.open_case()

    def buttons() -> list[str]:
        blocks = json.loads(chat.slack.received[-1].body)["blocks"]
        return [each["action_id"] for block in blocks if block["type"] == "actions" for each in block["elements"]]

    assert buttons() == ["sentinel_acknowledge", "sentinel_confirm", "sentinel_dismiss"]
    chat.press(chat.shared_link, "acknowledge")
    chat.until(lambda: chat.delivered(case))
    assert buttons() == ["sentinel_confirm", "sentinel_dismiss"]
    assert not any(PAGE.search(each.body.decode()) for each in chat.slack.received)
