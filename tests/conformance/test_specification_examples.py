"""The examples of the specification's own texts, each with what it says of them."""

from __future__ import annotations

from typing import Any

from tests.conformance.asking import findings, holds, matched, problems_of, rule, stamped
from tests.detecting import correlation, detection, rules_of


def test_a_question_mark_stands_for_a_letter_and_a_star_for_a_version() -> None:
    assert holds({"f": "prog?.exe"}, {"f": "progA.exe"}, {"f": "progB.exe"}, {"f": "prog.exe"}) == [True, True, False]
    assert holds({"f": "antivirus_V*.exe"}, {"f": "antivirus_V1.exe"}, {"f": "antivirus_V21.2.1.exe"}) == [True, True]


def test_a_list_of_strings_matches_either_in_the_full_message() -> None:
    keywords = ["EVILSERVICE", "svchost.exe -n evil"]
    assert holds(keywords, {"f": "an EvilService"}, {"f": "SVCHOST.EXE -n evil"}, {"f": "svchost"}) == [
        True,
        True,
        False,
    ]


def test_a_list_of_maps_matches_an_image_or_a_description() -> None:
    text = rule(
        r"""
selection:
    - Image|endswith: '\\example.exe'
    - Description|contains: 'Test executable'
"""
    )
    events = ({"Image": r"C:\example.exe"}, {"Description": "a test executable"}, {"Image": "example.exe"})
    assert matched(text, *events) == [True, True, False]


def test_a_map_of_an_event_log_and_two_numbers() -> None:
    items = {"EventLog": "Security", "EventID": [517, 1102]}
    events = ({"EventLog": "security", "EventID": 1102}, {"EventLog": "Security", "EventID": "517"}, {"EventID": 517})
    assert holds(items, *events) == [True, True, False]


def test_hexadecimal_texts_are_texts() -> None:
    items = {"EventLog": "Security", "EventID": 4769, "TicketOptions": "0x40810000", "TicketEncryption": "0x17"}
    assert holds(items, {**items}, {**items, "TicketEncryption": 23}) == [True, False]


def test_not_null_is_a_selection_of_its_own_that_is_negated() -> None:
    text = rule(
        """
selection: {EventID: 4738}
filter: {PasswordLastSet: null}
condition: selection and not filter
"""
    )
    events: list[dict[str, Any]] = [{"EventID": 4738, "PasswordLastSet": "x"}, {"EventID": 4738}]
    assert matched(text, *events, {"EventID": 4738, "PasswordLastSet": None}) == [True, False, False]


def test_empty_and_null_are_two_selections_and_not_one_list() -> None:
    text = rule(
        """
selection_main: {FieldA: something}
selection_empty1: {FieldB: ''}
selection_empty2: {FieldB: null}
condition: selection_main and 1 of selection_empty*
"""
    )
    main = {"FieldA": "something"}
    assert matched(text, main, {**main, "FieldB": ""}, {**main, "FieldB": "x"}) == [True, True, False]
    assert "R035" in problems_of({"FieldA": "something", "FieldB": ["", None]})[0]


def test_a_field_can_be_asked_for() -> None:
    items = {"EventID": 4738, "PasswordLastSet|exists": True}
    assert holds(items, {"EventID": 4738, "PasswordLastSet": ""}, {"EventID": 4738}) == [True, False]


def test_placeholders_are_handled_only_with_expand() -> None:
    lists = {"name": ["srv*"]}
    assert holds({"field": "%name%"}, {"field": "%name%"}, {"field": "srv1"}, lists=lists) == [True, False]
    assert holds({"field|expand": "%name%"}, {"field": "srv1"}, lists=lists) == [True]
    assert holds({"field|expand": r"\%plain%name%"}, {"field": "%plainsrv1"}, lists=lists) == [True]


def test_two_keywords_with_all_must_both_stand_there() -> None:
    items = {"|all": ["OabVirtualDirectory", " -ExternalUrl "]}
    assert holds(items, {"f": "Set-OabVirtualDirectory -ExternalUrl x"}, {"f": "OabVirtualDirectory"}) == [True, False]


def test_one_of_the_selections_and_none_of_the_filters() -> None:
    text = rule(
        """
selection_a: {f: a}
selection_b: {f: b}
filter_x: {g: x}
filter_y: {g: y}
condition: 1 of selection* and not 1 of filter*
"""
    )
    assert matched(text, {"f": "b", "g": "z"}, {"f": "a", "g": "y"}, {"g": "z"}) == [True, False, False]


def test_a_block_of_addresses() -> None:
    assert holds({"DestinationIp|cidr": "10.0.0.0/8"}, {"DestinationIp": "10.9.9.9"}) == [True]


def test_the_filter_for_administrators_keeps_only_them_as_its_condition_says() -> None:
    """The text means to leave them out; by its own rules the condition is what must hold too, and `check` warns."""
    base = detection("base", {"selection": {"f": "a"}}, id="6f3e2987-db24-4c78-a860-b4f4095a7095")
    section = {"rules": [base["id"]], "selection": {"User|startswith": "adm_"}, "condition": "selection"}
    document = {"title": "Filter Administrator account", "logsource": {"category": "webserver"}, "filter": section}
    found = findings(
        rules_of(base, document), stamped((1, {"f": "a", "User": "adm_kim"}), (2, {"f": "a", "User": "kim"}))
    )
    assert len(found) == 1


def logins(host: str, users: int, seconds: float = 1) -> list[tuple[float, dict[str, Any]]]:
    base = {"f": "a", "ComputerName": host, "WorkstationName": "w"}
    return [(number * seconds, {**base, "User": f"u{number}"}) for number in range(users)]


def test_a_hundred_failed_logins_to_a_host_in_an_hour() -> None:
    base = detection("base", {"selection": {"f": "a"}}, id="5638f7c0-ac70-491d-8465-2a65075e0d86")
    group = {"group-by": ["ComputerName"], "timespan": "1h"}
    rules = rules_of(base, correlation("many", [base["id"]], {"gte": 100}, **group))
    assert len(findings(rules, stamped(*logins("h", 100)))) == 1
    assert findings(rules, stamped(*logins("h", 99), *logins("other", 99))) == []
    assert findings(rules, stamped(*logins("h", 100, seconds=37))) == []


def test_failed_logins_with_a_hundred_accounts_from_one_place_to_another_in_a_day() -> None:
    base = detection("base", {"selection": {"f": "a"}}, id="5638f7c0-ac70-491d-8465-2a65075e0d86")
    group = {"group-by": ["ComputerName", "WorkstationName"], "timespan": "1d"}
    rules = rules_of(base, correlation("many", [base["id"]], {"field": "User", "gte": 100}, **group))
    assert len(findings(rules, stamped(*logins("h", 100, seconds=600)))) == 1
    assert findings(rules, stamped(*logins("h", 99), *logins("h", 99, seconds=1.5))) == []


def test_three_rules_about_one_user_on_one_computer_within_five_minutes() -> None:
    bases = [detection(f"recon_cmd_{letter}", {"selection": {"cmd": letter}}) for letter in "abc"]
    names = [each["name"] for each in bases]
    group = {"group-by": ["ComputerName", "User"], "timespan": "5m"}
    rules = rules_of(*bases, correlation("recon", names, {}, type="temporal", **group))
    kim = {"ComputerName": "h", "User": "kim"}
    assert (
        len(findings(rules, stamped((0, {"cmd": "c", **kim}), (1, {"cmd": "a", **kim}), (299, {"cmd": "b", **kim}))))
        == 1
    )
    assert (
        findings(rules, stamped((0, {"cmd": "c", **kim}), (1, {"cmd": "a", **kim}), (300, {"cmd": "b", **kim}))) == []
    )


def test_many_failed_logins_and_then_one_that_succeeds() -> None:
    bases = [detection(name, {"selection": {"login": name}}) for name in ("failed", "successful_login")]
    group = {"group-by": ["User"], "timespan": "1h"}
    many = correlation("many_failed_logins", ["failed"], {"gte": 3}, **group)
    names = ["many_failed_logins", "successful_login"]
    rules = rules_of(*bases, many, correlation("guessed", names, {}, type="temporal_ordered", **group))
    failed = [(at, {"login": "failed", "User": "kim"}) for at in (1, 2, 3)]
    found = findings(rules, stamped(*failed, (9, {"login": "successful_login", "User": "kim"})))
    assert [each.rule for each in found] == ["guessed"]
    assert findings(rules, stamped((0, {"login": "successful_login", "User": "kim"}), *failed)) == []


def test_more_than_a_million_bytes_sent_to_a_website_in_an_hour() -> None:
    base = detection("website_access", {"selection": {"f": "a"}})
    group = {"group-by": ["SourceIP", "User"], "timespan": "1h"}
    condition = {"field": "bytes_sent", "gt": 1_000_000}
    rules = rules_of(base, correlation("out", ["website_access"], condition, type="value_sum", **group))
    sent = [(at, {"f": "a", "SourceIP": "10.0.0.1", "User": "kim", "bytes_sent": 250_000}) for at in range(5)]
    assert findings(rules, stamped(*sent[:4])) == []
    assert [each.value for each in findings(rules, stamped(*sent))] == [1_250_000]


def test_an_average_of_more_than_five_hundred_bytes_in_a_day() -> None:
    base = detection("rule_a", {"selection": {"f": "a"}})
    group = {"group-by": ["SourceIP", "User"], "timespan": "24h"}
    condition = {"field": "BytesOut", "gt": 500}
    rules = rules_of(base, correlation("average", ["rule_a"], condition, type="value_avg", **group))
    out = [{"f": "a", "SourceIP": "10.0.0.1", "User": "kim", "BytesOut": size} for size in (400, 600, 501)]
    assert findings(rules, stamped((0, out[0]), (1, out[1]))) == []
    assert len(findings(rules, stamped((0, out[0]), (1, out[1]), (2, out[2])))) == 1


def test_an_error_and_the_connection_behind_it_are_joined_by_aliases() -> None:
    error = detection("internal_error", {"selection": {"http.response.status_code": 500}})
    connection = detection("new_network_connection", {"selection": {"event.type": "connection"}})
    document = correlation(
        "behind", [error["name"], connection["name"]], {}, type="temporal", **{"group-by": ["internal_ip", "remote_ip"]}
    )
    document["correlation"]["aliases"] = {
        "internal_ip": {"internal_error": "destination.ip", "new_network_connection": "source.ip"},
        "remote_ip": {"internal_error": "source.ip", "new_network_connection": "destination.ip"},
    }
    rules = rules_of(error, connection, document)
    failed = {"http.response.status_code": 500, "source.ip": "192.0.2.1", "destination.ip": "10.0.0.1"}
    back = {"event.type": "connection", "source.ip": "10.0.0.1", "destination.ip": "192.0.2.1"}
    (finding,) = findings(rules, stamped((0, failed), (9, back)))
    assert dict(finding.group) == {"internal_ip": "10.0.0.1", "remote_ip": "192.0.2.1"}
    away = {**back, "source.ip": "10.0.0.2"}
    assert findings(rules, stamped((0, failed), (9, away))) == findings(rules, stamped((0, failed), (10, back))) == []
