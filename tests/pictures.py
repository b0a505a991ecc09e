"""Draws the messages of one case as people see them, into docs/pictures: `python -m tests.pictures`.

The mail is the HTML part as a browser shows it. The chats are drawings of what is posted, in the order of its parts;
the services' own look differs. Needs Chromium.
"""

from __future__ import annotations

import html
import json
import subprocess
import tempfile
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

from sentinel.cases.wording import notice
from sentinel.inviting import ActingOptions, Inviter
from tests.unit.cases_fixtures import NOW, a_case
from tests.unit.test_channels_chats import a_channel
from tests.unit.test_inviting import options

FOLDER = Path(__file__).parent.parent / "docs" / "pictures"
ACTING = ActingOptions(
    listen="127.0.0.1:9109", url="https://sentinel.example.org/act", people={"kim": {"email": "kim@example.org"}}
)
STYLE = """body{font:15px/1.45 sans-serif;margin:0;padding:16px;background:#fff;color:#1d1c1d;width:688px}
.card{border-left:4px solid #c92a2a;padding:2px 12px}b{font-size:17px}p{margin:6px 0;white-space:pre-wrap}
.foot{color:#666;font-size:12px}a{display:inline-block;border:1px solid #888;border-radius:4px;padding:4px 12px}"""


def drawn(parts: list[tuple[str, str]]) -> str:
    """A page with these parts: (head, text, link or foot) and what stands in it."""
    tags = {"head": "<b>{}</b>", "text": "<p>{}</p>", "link": "<a>{}</a> ", "foot": '<p class="foot">{}</p>'}
    body = "".join(tags[kind].format(html.escape(html.unescape(text))) for kind, text in parts)
    return f'<!doctype html><meta charset="utf-8"><style>{STYLE}</style><div class="card">{body}</div>'


def slack(message: dict[str, Any]) -> list[tuple[str, str]]:
    parts = []
    for block in message["blocks"]:
        match block["type"]:
            case "header":
                parts.append(("head", block["text"]["text"]))
            case "section":
                parts.append(("text", block["text"]["text"]))
            case "rich_text":
                parts += [("link", each["text"]) for each in block["elements"][0]["elements"]]
            case "context":
                parts += [("foot", each["text"]) for each in block["elements"]]
    return parts


def teams(message: dict[str, Any]) -> list[tuple[str, str]]:
    card = message["attachments"][0]["content"]
    texts = ["".join(run["text"] for run in block["inlines"]) for block in card["body"]]
    links = [("link", each["title"]) for each in card.get("actions", [])]
    return [("head", texts[0]), *(("text", text) for text in texts[1:-1]), ("foot", texts[-1]), *links]


def discord(message: dict[str, Any]) -> list[tuple[str, str]]:
    (embed,) = message["embeds"]
    text, _, link = embed["description"].rpartition("\n[")
    shown = text.replace("\\", "").replace("\u200b", "")
    head = embed["title"].replace("\\", "")
    return [("head", head), ("text", shown), ("link", link.partition("]")[0]), ("foot", embed["footer"]["text"])]


def mail(body: bytes) -> str:
    part = message_from_bytes(body, policy=policy.default).get_body(("html",))
    assert part is not None
    return str(part.get_content())


def main() -> None:
    """Every picture anew."""
    FOLDER.mkdir(exist_ok=True)
    kinds = {"email": options("email", to=["kim@example.org"])}
    kinds |= {kind: options(kind) for kind in ("slack", "teams", "discord")}
    inviter = Inviter(ACTING, kinds, b"k" * 32, lambda size: b"n" * size)
    drawings = {"slack": slack, "teams": teams, "discord": discord}
    for kind in kinds:
        body = a_channel(kind).render(inviter(notice(a_case(), "opened", NOW), kind)[0])
        page = mail(body) if kind == "email" else drawn(drawings[kind](json.loads(body)))
        with tempfile.TemporaryDirectory() as folder:
            written = Path(folder) / "page.html"
            written.write_text(page, encoding="utf-8")
            shot = f"--screenshot={FOLDER / kind}.png"
            options_ = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=740,500")
            command = ["chromium", *options_, f"--user-data-dir={folder}/profile", shot, written.as_uri()]
            subprocess.run(command, check=True, capture_output=True, timeout=120)


if __name__ == "__main__":
    main()
