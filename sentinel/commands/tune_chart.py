"""The trials of a rule as a picture: findings at each threshold, and on each day. It names nobody.

An SVG that every browser and wiki shows, or the same in an HTML page, by the name of the file. Texts stay texts, so
that it can be searched and read aloud; its colours are for eyes of every kind.
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

from sentinel import durations
from sentinel.commands.output import CommandError
from sentinel.detect.rules import Correlation, Detection
from sentinel.tuning import Setting, Trial, Tuned

WIDTH, HEIGHT, LEFT, TOP = 760, 240, 60, 40
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Of Okabe and Ito, which people with any kind of colour vision tell apart."""


def write(path: Path, rule: Correlation | Detection, tuned: Tuned, best: Setting | None) -> None:
    """The chart as a file. Raises CommandError where it cannot be written, or is to be neither .svg nor .html."""
    if path.suffix not in {".svg", ".html"}:
        raise CommandError(f"'{path}' is neither .svg nor .html")
    picture = ET.tostring(_chart(rule, tuned, best), encoding="unicode")
    if path.suffix == ".html":
        title = ET.tostring(_text("title", rule.about.key), encoding="unicode")
        picture = (
            f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">{title}</head><body>{picture}</body></html>'
        )
    try:
        path.write_text(picture + "\n", encoding="utf-8")
    except OSError as error:
        raise CommandError(f"cannot write '{path}': {(error.strerror or '').lower()}") from None


def _chart(rule: Correlation | Detection, tuned: Tuned, best: Setting | None) -> ET.Element:
    panels = []
    if isinstance(rule, Correlation) and len({each.threshold for each in tuned.trials}) > 1:
        panels.append(_thresholds(tuned, best))
    then = tuned.trials[best] if best is not None and best != tuned.now else None
    if tuned.current.fires:
        panels.append(_days(tuned.current, then, ZoneInfo(rule.about.additions.timezone)))
    root = ET.Element("svg", _sizes(xmlns="http://www.w3.org/2000/svg", width=WIDTH, height=TOP + len(panels) * HEIGHT))
    root.set("font-family", "sans-serif")
    root.set("font-size", "12")
    ET.SubElement(root, "rect", _sizes(width=WIDTH, height=TOP + len(panels) * HEIGHT, fill="#ffffff"))
    title = _text("text", f"{rule.about.key}: findings in {tuned.records:,} records", x=16, y=24)
    title.set("font-size", "15")
    root.append(title)
    for number, panel in enumerate(panels):
        panel.set("transform", f"translate(0 {TOP + number * HEIGHT})")
        root.append(panel)
    return root


def _thresholds(tuned: Tuned, best: Setting | None) -> ET.Element:
    """A line for each window over thresholds that stand equally far apart, for they are chosen by factors."""
    panel = ET.Element("g")
    thresholds = sorted({each.threshold for each in tuned.trials})
    most = max(1, *(len(trial.fires) for trial in tuned.trials.values()))
    step = (WIDTH - LEFT - 180) / max(1, len(thresholds) - 1)
    across = {threshold: LEFT + number * step for number, threshold in enumerate(thresholds)}
    _axis(panel, most, "at each threshold")
    for threshold, x in across.items():
        panel.append(_text("text", f"{threshold:,g}", x=x, y=HEIGHT - 34, anchor="middle"))
    for number, span in enumerate(sorted({each.timespan for each in tuned.trials})):
        colour = COLOURS[number % len(COLOURS)]
        trials = [
            (across[each.threshold], trial) for each, trial in sorted(tuned.trials.items()) if each.timespan == span
        ]
        points = " ".join(f"{x:.1f},{_down(len(trial.fires), most):.1f}" for x, trial in trials)
        ET.SubElement(panel, "polyline", {"points": points, "fill": "none", "stroke": colour, "stroke-width": "2"})
        panel.append(_text("text", f"in {durations.show(span)}", x=WIDTH - 105, y=20 + number * 18, fill=colour))
    marks = {tuned.now: "now"} if best is None else {best: "suggested", tuned.now: "now"}
    for setting, said in marks.items():
        _mark(panel, across[setting.threshold], _down(len(tuned.trials[setting].fires), most), said)
    return panel


def _mark(panel: ET.Element, x: float, y: float, said: str) -> None:
    ET.SubElement(panel, "circle", _sizes(cx=round(x, 1), cy=round(y, 1), r=5, fill="#000000"))
    panel.append(_text("text", said, x=round(x + 8, 1), y=round(y - 8, 1)))


def _days(now: Trial, then: Trial | None, zone: ZoneInfo) -> ET.Element:
    panel = ET.Element("g")
    counts = [each.days(zone) for each in (now, then) if each is not None]
    first, last = min(min(each, default="9999") for each in counts), max(max(each, default="") for each in counts)
    begin = date.fromisoformat(first)
    days = [(begin + timedelta(number)).isoformat() for number in range((date.fromisoformat(last) - begin).days + 1)]
    most = max(max(each.values(), default=0) for each in counts)
    _axis(panel, most, "on each day")
    width = (WIDTH - LEFT - 120) / len(days)
    for number, of in enumerate(counts):
        for place, day in enumerate(days):
            if of[day]:
                y = _down(of[day], most)
                x = LEFT + place * width + number * width * 0.4
                bar = _sizes(x=round(x, 1), y=round(y, 1), width=round(max(1.0, width * 0.38), 1), fill=COLOURS[number])
                ET.SubElement(panel, "rect", bar).set("height", str(round(HEIGHT - 50 - y, 1)))
        said = ("now", "suggested")[number]
        panel.append(_text("text", said, x=WIDTH - 105, y=20 + number * 18, fill=COLOURS[number]))
    for place in sorted({0, len(days) - 1}):
        anchor = "start" if place == 0 else "end"
        x = LEFT + (0 if place == 0 else len(days) * width)
        panel.append(_text("text", days[place], x=round(x, 1), y=HEIGHT - 34, anchor=anchor))
    return panel


def _axis(panel: ET.Element, most: int, said: str) -> None:
    bottom = HEIGHT - 50
    line = {"stroke": "#777777", "stroke-width": "1"}
    ET.SubElement(panel, "line", {**_sizes(x1=LEFT - 8, y1=bottom, x2=WIDTH - 115, y2=bottom), **line})
    for count in sorted({0, most // 2, most}):
        panel.append(_text("text", f"{count:,}", x=LEFT - 14, y=round(_down(count, most) + 4, 1), anchor="end"))
    panel.append(_text("text", said, x=LEFT, y=8))


def _down(count: int, most: int) -> float:
    """Where a count stands; the axis is as long as the most."""
    return HEIGHT - 50 - count * (HEIGHT - 75) / max(1, most)


def _text(tag: str, content: str, *, anchor: str = "start", **sizes: object) -> ET.Element:
    found = ET.Element(tag, _sizes(**sizes) | ({} if anchor == "start" else {"text-anchor": anchor}))
    found.text = content
    return found


def _sizes(**sizes: object) -> dict[str, str]:
    return {name: str(value) for name, value in sizes.items()}
