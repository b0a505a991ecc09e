"""sentinel.yaml becomes a Config, or every problem with it, each at its place."""

from __future__ import annotations

import json
import os
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from sentinel import channels, config, files, schema, surroundings
from sentinel.config import Config
from sentinel.model import LogSource
from sentinel.problems import Unusable
from sentinel.secrets import SecretError, SecretRef
from sentinel.settings import ConfigPart, listen_address

DEPLOY = Path(__file__).parents[2] / "deploy"

SOURCE = "sources: [{name: a, type: file, paths: [a.log], format: json, logsource: {category: c}}]\n"
SECRET = "{type: webhook, url: 'https://x.example/h', secret: {env: HOOK}}"
QUIET = f"inventory: inv.yaml\nchannels: {{soc: {SECRET}}}\n"
"""What keeps the warnings away that are not asked about; two lines."""

SOURCE_TYPES = "known here: elasticsearch, file, journal, stdin"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.log").write_text("{}\n")
    (tmp_path / "inv.yaml").write_text("systems: []\n")
    return tmp_path


def write(folder: Path, text: str) -> Path:
    path = folder / "sentinel.yaml"
    path.write_text(text)
    return path


def read(folder: Path, text: str, environ: dict[str, str] | None = None) -> Config:
    found, problems = config.load(write(folder, text), environ or {})
    assert [str(problem) for problem in problems] == []
    assert found is not None
    return found


def shown(folder: Path, text: str) -> list[str]:
    problems = config.load(write(folder, text), {})[1]
    return [str(problem).replace(str(folder), "/etc/s") for problem in problems]


def test_only_sources_are_required(folder: Path) -> None:
    found, problems = config.load(write(folder, SOURCE), {})
    assert found is not None
    assert [problem.code for problem in problems] == ["C011", "C012"]
    assert found.state == folder / "sentinel-state"
    assert found.control == folder / "sentinel-state" / "control.sock"
    assert found.http is not None
    assert found.http.address == ("127.0.0.1", 9108)
    assert (found.http.certificate, found.http.login) == (None, None)
    assert found.cases.awareness == "confirmation"
    assert found.cases.clocks == ("gdpr",)
    assert (found.rules, found.shipped_rules, found.inventory, found.routes) == ((), True, None, ())
    assert found.channels == {}


def test_a_source_is_read_with_what_its_records_are(folder: Path) -> None:
    text = QUIET + (
        "sources:\n- name: portal\n  type: file\n  paths: ['*.log', /var/log/../log/none]\n"
        "  format: {regex: '(?P<message>.*)'}\n"
        "  logsource: {category: webserver, product: nginx, service: s}\n  timezone: Europe/Berlin\n  time: when\n"
        "  start: end\n  history: all\n"
    )
    found = config.load(write(folder, text), {})[0]
    assert found is not None
    (source,) = found.sources
    assert (source.name, source.options.type, source.options.start, source.options.history) == (
        "portal", "file", "end", "all"
    )  # fmt: skip
    assert getattr(source.options, "paths") == [f"{folder}/*.log", "/var/log/../log/none"]  # noqa: B009  (a key of one type)
    assert source.format == {"regex": "(?P<message>.*)"}
    assert source.logsource == LogSource("webserver", "nginx", "s")
    assert (source.timezone, source.time) == (ZoneInfo("Europe/Berlin"), "when")


def test_relative_paths_start_at_the_folder_of_the_file(folder: Path) -> None:
    (folder / "rules").mkdir()
    (folder / "rules" / "r.yml").write_text("")
    found = read(folder, QUIET + SOURCE + "state: s\nrules: [rules]\nshipped_rules: false\ncontrol: {socket: c.sock}\n")
    assert (found.folder, found.state, found.rules, found.control) == (
        folder, folder / "s", (folder / "rules",), folder / "c.sock"
    )  # fmt: skip
    assert found.rule_files() == [folder / "rules" / "r.yml"]


def test_systemd_names_the_folders_where_the_file_does_not(folder: Path) -> None:
    environ = {"STATE_DIRECTORY": "/var/lib/sentinel:/var/lib/other", "RUNTIME_DIRECTORY": "/run/sentinel"}
    found = read(folder, QUIET + SOURCE, environ)
    assert (found.state, found.control) == (Path("/var/lib/sentinel"), Path("/run/sentinel/control.sock"))
    assert read(folder, QUIET + SOURCE + "state: s", environ).state == folder / "s"


def test_secrets_are_resolved_when_they_are_asked_for(folder: Path) -> None:
    (folder / "key").write_text("k" * 32)
    found = read(folder, QUIET + SOURCE + "keys: {master: {file: key}}")
    assert found.master_key is not None
    resolve = found.secrets({"HOOK": "whsec_x", "CREDENTIALS_DIRECTORY": str(folder)})
    assert resolve(found.master_key) == "k" * 32
    assert resolve(SecretRef(credential="key")) == "k" * 32
    assert resolve(SecretRef(env="HOOK")) == "whsec_x"
    with pytest.raises(SecretError):
        found.secrets({})(SecretRef(credential="key"))


def test_the_inventory_comes_with_the_identities_it_names(folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "inv.yaml").write_text("systems: []\nidentities: people.yaml\n")
    (folder / "sub" / "people.yaml").write_text("kim: [kim@corp]\n")
    found = read(folder, QUIET.replace("inv.yaml", "sub/inv.yaml") + SOURCE)
    assert found.inventory is not None
    assert found.inventory.identities.resolve("KIM@CORP") == "kim"


def test_nothing_is_served_where_listen_is_empty(folder: Path) -> None:
    assert read(folder, QUIET + SOURCE + "http: {listen: ~}").http is None


BERLIN = "3:85: C003 there is no time zone 'Berlin': write an IANA name such as 'Europe/Berlin'"
LEVEL = (
    "4:25: C003 'level' is a number, but must be 'informational' or 'low' or 'medium' or 'high' or 'critical' or a list"
)
ADDRESS = "4:16: C003 an address to listen on is host and port, such as '127.0.0.1:9108' or '[::1]:9108'"
EVERY = "type: file, paths: ['*.log'], logsource: {category: c}"
STDIN = "{{name: {}, type: stdin, logsource: {{product: p}}}}"
ITEM = "type: file, paths: [a.log], logsource: {category: c}"


@pytest.mark.parametrize(
    ("text", "problem", "hint"),
    [
        ("", "0:0: C004 the configuration is empty", "a configuration is one document that has 'sources:'"),
        (QUIET + SOURCE + "---\na: 1", "5:1: C004 the file has more than one document",
         "a configuration is one document that has 'sources:'"),
        ("sources: [", "2:1: Y001 did not find expected node content", "compare this line with the ones above it"),
        (QUIET, "1:1: C002 'sources' is missing", ""),
        (QUIET + SOURCE + "rule: [x]", "4:1: C001 unknown key 'rule'", "did you mean 'rules'?"),
        (QUIET + "sources: []", "3:10: C003 'sources' has too few entries: needed: 1", ""),
        (QUIET + "sources: [5]", "3:11: C003 entry 1 of 'sources' is a number, but must be a mapping", ""),
        (QUIET + "sources: [{name: a}]", "3:11: C002 'type' is missing", SOURCE_TYPES),
        (QUIET + "sources: [{name: a, type: 5}]", "3:21: C003 'type' must be text", SOURCE_TYPES),
        (QUIET + "sources: [{name: a, type: fil}]", "3:27: C003 unknown type 'fil'", "did you mean 'file'?"),
        (QUIET + "sources: [{type: file, paths: [a.log]}]", "3:11: C002 'name' is missing", ""),
        (QUIET + f"sources: [{{name: a, {ITEM}, pathes: []}}]", "3:75: C001 unknown key 'pathes'",
         "did you mean 'paths'?"),
        (QUIET + f"sources: [{{name: a, {ITEM}, tiemzone: UTC}}]", "3:75: C001 unknown key 'tiemzone'",
         "did you mean 'timezone'?"),
        (QUIET + f"sources: [{{name: a, {ITEM}, timezone: Berlin}}]", BERLIN, ""),
        (QUIET + f"sources: [{{name: a, {ITEM}, start: begin}}]", "3:82: C003 'start' cannot be 'begin'",
         "did you mean 'beginning'?"),
        (QUIET + f"sources:\n- {{name: a, {ITEM}}}\n- {{name: a, {ITEM}}}",
         "5:10: C006 source 'a' is given twice, first in line 4",
         "positions are kept under the name, so give each its own"),
        (QUIET + f"sources: [{STDIN.format('a')}, {STDIN.format('b')}]",
         "3:76: C021 standard input can be read by one source only", "keep one source of 'type: stdin'"),
        (QUIET + f"sources: [{{name: a, {ITEM}, format: ngnix}}]", "3:83: C020 unknown format 'ngnix'",
         "did you mean 'nginx'?"),
        (QUIET + SOURCE + "cases: {escalation: [{after: 5m, to: [sok]}]}", "4:39: C007 there is no channel 'sok'",
         "did you mean 'soc'?"),
        (QUIET + SOURCE + "routes: [{to: [sok, soc]}]", "4:16: C007 there is no channel 'sok'",
         "did you mean 'soc'?"),
        (QUIET + SOURCE + "routes: [{when: {level: hihg}, to: [soc]}]", "4:25: C003 'level' cannot be 'hihg'",
         "did you mean 'high'?"),
        (QUIET + SOURCE + "routes: [{when: {level: [high, x]}, to: [soc]}]",
         "4:32: C003 entry 2 of 'level' cannot be 'x'",
         "known here: critical, high, informational, low, medium"),
        (QUIET + SOURCE + "routes: [{when: {level: 5}, to: [soc]}]", LEVEL, ""),
        (QUIET + SOURCE + "cases: {awareness: detected}", "4:20: C003 'awareness' cannot be 'detected'",
         "did you mean 'detection'?"),
        (QUIET + SOURCE + "http: {listen: 9108}", "4:16: C003 'listen' is a number, but must be text", ""),
        (QUIET + SOURCE + "http: {listen: 'localhost'}", ADDRESS, ""),
        (QUIET + SOURCE + "http: {listen: 'localhost:70000'}",
         "4:16: C003 there is no port 70000: the highest is 65535", ""),
        (QUIET + SOURCE + "cases: {templates: papers}", "4:20: C005 there is no folder 'papers' of templates",
         "relative paths start at '/etc/s'"),
        (QUIET + SOURCE + "rules: [rulez]", "4:9: C014 there are no rules at '/etc/s/rulez'",
         "relative paths start at '/etc/s', where the configuration is"),
        (QUIET + SOURCE + f"control: {{socket: {'x' * 120}}}",
         "4:19: C019 the path of the control socket is longer than 107 bytes", "put it below /run"),
        (QUIET.replace("inv.yaml", "none.yaml") + SOURCE,
         "1:12: C005 cannot read '/etc/s/none.yaml': no such file or directory", "relative paths start at '/etc/s'"),
        (QUIET.replace("inv.yaml", ".") + SOURCE, "1:12: C005 '/etc/s' is not a regular file", ""),
        (QUIET.replace("{env: HOOK}", "hunter2") + SOURCE, "2:69: C003 a secret is never written in this file",
         "use {credential: NAME} for a systemd credential, {file: PATH} or {env: NAME}"),
        (QUIET.replace("type: webhook", "type: webhok") + SOURCE, "2:24: C003 unknown type 'webhok'",
         "did you mean 'webhook'?"),
        (QUIET.replace("secret:", "secrt:").replace("{type", "{secret: {env: A}, type") + SOURCE,
         "2:79: C001 unknown key 'secrt'", "did you mean 'secret'?"),
    ],
)  # fmt: skip
def test_an_error_is_shown_where_it_stands(folder: Path, text: str, problem: str, hint: str) -> None:
    assert config.load(write(folder, text), {})[0] is None
    assert shown(folder, text) == [
        f"/etc/s/sentinel.yaml:{problem}\n    hint: {hint}" if hint else f"/etc/s/sentinel.yaml:{problem}"
    ]


@pytest.mark.parametrize(
    ("text", "problem", "hint"),
    [
        (QUIET.replace("channels: {", f"channels: {{dpo: {SECRET}, ") + SOURCE + "routes: [{to: [soc]}]",
         "2:12: C008 warning: no route uses channel 'dpo'", "name it in a route, or remove it"),
        (QUIET + SOURCE + "routes:\n- {to: [soc]}\n- {when: {level: low}, to: [soc]}",
         "6:3: C009 warning: no message gets to this route: the one in line 5 takes them all",
         "the first route that fits decides; put the one without 'when:' last"),
        (QUIET + SOURCE + "routes: [{when: {system: portl}, to: [soc]}]",
         "4:26: C010 warning: the inventory has no system 'portl'", "did you mean 'portal'?"),
        ("inventory: inv.yaml\n" + SOURCE, "1:1: C011 warning: there are no channels, so nobody is told of a case",
         "add 'channels:' with a webhook or a chat"),
        (QUIET.replace("inventory: inv.yaml\n", "") + SOURCE,
         "1:1: C012 warning: there is no inventory, so no event is known to be an access to personal data",
         "add 'inventory: inventory.yaml'"),
        (QUIET + "sources: [{name: a, type: file, paths: [a.log]}]",
         "3:11: C013 warning: source 'a' has no 'logsource:', so only rules for every log are tried on it",
         "write what it is, such as 'logsource: {category: webserver}'"),
        (QUIET + SOURCE + "rules: [empty]",
         "4:9: C015 warning: folder '/etc/s/empty' has no file that ends in .yml or .yaml", ""),
        (QUIET + SOURCE.replace("a.log", "b*.log"), "3:41: C016 warning: no file is at '/etc/s/b*.log' yet",
         "it is read from its beginning once it is there"),
        (QUIET + SOURCE.replace("a.log", "no/b*.log"), "3:41: C016 warning: no file is at '/etc/s/no/b*.log' yet",
         "there is no folder '/etc/s/no'"),
        (QUIET + f"sources:\n- {{name: a, {ITEM}}}\n- {{name: b, {EVERY}}}",
         "5:33: C018 warning: '/etc/s/a.log' is read by source 'a' too, so its events count twice",
         "make the paths of one of the two narrower"),
    ],
)  # fmt: skip
def test_a_doubt_is_a_warning(folder: Path, text: str, problem: str, hint: str) -> None:
    (folder / "empty").mkdir()
    (folder / "inv.yaml").write_text("systems: [{name: portal, data: [health], access: [{when: {a: b}, actor: u}]}]\n")
    assert config.load(write(folder, text), {})[0] is not None
    assert shown(folder, text) == [
        f"/etc/s/sentinel.yaml:{problem}\n    hint: {hint}" if hint else f"/etc/s/sentinel.yaml:{problem}"
    ]


def test_a_problem_of_a_later_source_is_placed_there_when_an_earlier_one_is_broken(folder: Path) -> None:
    second = f"{{name: b, {ITEM.replace('a.log', 'none.log')}, format: x}}"
    text = QUIET + f"sources:\n- {{name: a, type: file}}\n- {second}\n"
    places = [line.split(" ")[:2] for line in shown(folder, text)]
    assert places == [
        ["/etc/s/sentinel.yaml:4:3:", "C002"], ["/etc/s/sentinel.yaml:5:78:", "C020"],
        ["/etc/s/sentinel.yaml:5:33:", "C016"],
    ]  # fmt: skip


def test_problems_of_every_part_come_at_once(folder: Path) -> None:
    (folder / "inv.yaml").write_text("system: []\n")
    text = (
        "inventory: inv.yaml\nrulez: []\nsources:\n- {name: a, type: file}\n- {name: b, type: x}\n"
        "channels: {soc: {type: discord}}\nhttp: {listen: x}\n"
    )
    places = [line.split(" ")[:2] for line in shown(folder, text)]
    assert places == [
        ["/etc/s/inv.yaml:1:1:", "I001"], ["/etc/s/inv.yaml:1:1:", "I002"], ["/etc/s/sentinel.yaml:2:1:", "C001"],
        ["/etc/s/sentinel.yaml:4:3:", "C002"], ["/etc/s/sentinel.yaml:5:19:", "C003"],
        ["/etc/s/sentinel.yaml:6:12:", "C002"], ["/etc/s/sentinel.yaml:7:16:", "C003"],
    ]  # fmt: skip


def test_a_wrong_file_of_identities_is_shown_at_its_place(folder: Path) -> None:
    (folder / "inv.yaml").write_text("systems: []\nidentities: people.yaml\n")
    (problem,) = shown(folder, QUIET + SOURCE)
    head = "/etc/s/inv.yaml:2:13: C005 cannot read '/etc/s/people.yaml': no such file or directory"
    assert problem == f"{head}\n    hint: relative paths start at '/etc/s'"
    (folder / "people.yaml").write_text("kim: x\n")
    assert [line.split(" ")[:2] for line in shown(folder, QUIET + SOURCE)] == [["/etc/s/people.yaml:1:6:", "I011"]]


@pytest.mark.parametrize(
    ("barred", "problem"),
    [
        ("a.log", "3:33: C017 warning: log '/etc/s/a.log' may not be read"),
        ("logs", "3:40: C017 warning: folder '/etc/s/logs' may not be read"),
        ("rules", "1:9: C005 cannot read '/etc/s/rules': permission denied"),
    ],
)
def test_what_may_not_be_read_is_said(folder: Path, barred: str, problem: str) -> None:
    for name in ("rules", "logs"):
        (folder / name).mkdir()
    (folder / "rules" / "r.yml").touch()
    text = "rules: [rules]\nsources:\n- {name: a, type: file, paths: [a.log, logs/*.log]}\n"
    loaded = config.load(write(folder, text), {})[0]
    assert loaded is not None
    part, _ = schema.validate(loaded.document, ConfigPart, "C003")
    assert part is not None
    found = surroundings.check(loaded.document, part, loaded.sources, folder, lambda path: path.name != barred)
    shown = [str(each).replace(str(folder), "/etc/s").split("\n")[0] for each in found if each.code in {"C005", "C017"}]
    assert shown == [f"/etc/s/sentinel.yaml:{problem}"]


def test_a_pipe_or_an_enormous_file_in_place_of_the_configuration_is_refused(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    assert [problem.message for problem in config.load(folder / "pipe", {})[1]] == [
        f"'{folder}/pipe' is not a regular file"
    ]
    with (folder / "large").open("wb") as large:
        large.truncate(50_000_000)
    assert [problem.code for problem in config.load(folder / "large", {})[1]] == ["Y003"]
    assert [problem.code for problem in config.load(folder, {})[1]] == ["C005"]


def test_the_configuration_is_found_where_it_is_said_to_be(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert config.find(folder / "x.yaml") == folder / "x.yaml"
    monkeypatch.chdir(folder)
    write(folder, SOURCE)
    assert config.find(None) == Path("sentinel.yaml")
    monkeypatch.setattr(config, "PLACES", (Path("none.yaml"), Path("/none/either.yaml")))
    with pytest.raises(Unusable) as unusable:
        config.find(None)
    head = "none.yaml:0:0: C005 there is no configuration file: looked for 'none.yaml' or '/none/either.yaml'"
    hint = "name it with --config FILE, or write one with 'sentinel init'"
    assert [str(problem) for problem in unusable.value.problems] == [f"{head}\n    hint: {hint}"]


def test_rule_files_are_found_below_folders_once_and_in_order(tmp_path: Path) -> None:
    for name in ("b/z.yml", "b/a.yaml", "a.yml", "b/.hidden.yml", ".git/x.yml", "b/readme.md", "c/d/e.yml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "link").symlink_to(tmp_path / "b")
    found = [
        str(path.relative_to(tmp_path)) for path in files.rule_files([tmp_path / "a.yml", tmp_path, tmp_path / "b"])
    ]
    assert found == ["a.yml", "b/a.yaml", "b/z.yml", "c/d/e.yml"]


@pytest.mark.parametrize(
    ("text", "address"),
    [("127.0.0.1:9108", ("127.0.0.1", 9108)), ("[::1]:0", ("::1", 0)), ("localhost:65535", ("localhost", 65535))],
)
def test_an_address_to_listen_on_is_host_and_port(text: str, address: tuple[str, int]) -> None:
    assert listen_address(text) == address


@pytest.mark.parametrize(
    "text", ["", ":9108", "::1:9108", "localhost", "localhost:", "localhost:x", "localhost:²", "a:-1"]
)
def test_any_other_text_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match="address"):
        listen_address(text)


def test_the_shipped_configuration_has_no_errors(folder: Path) -> None:
    for name in ("sentinel.yaml", "inventory.yaml"):
        (folder / name).write_bytes((DEPLOY / name).read_bytes())
    found, problems = config.load(folder / "sentinel.yaml", {})
    assert found is not None
    assert {problem.code for problem in problems} <= {"C016", "C017"}
    assert found.state == Path("/var/lib/sentinel")


def test_editors_get_a_schema_in_which_each_source_and_channel_is_of_its_type() -> None:
    written = config.json_schema()
    json.dumps(written)
    kinds = [
        each["properties"]["type"]["const"]
        for each in written["properties"]["channels"]["additionalProperties"]["oneOf"]
    ]
    assert kinds == list(channels.TYPES)
    assert "timezone" in written["properties"]["sources"]["items"]["oneOf"][0]["properties"]
