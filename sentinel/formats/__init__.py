"""The log formats, by the name that the configuration gives them. To add one: one file, and one line in FORMATS."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from sentinel.formats import (
    access,
    auditd,
    containers,
    json_frameworks,
    json_lines,
    json_tables,
    messages,
    pairs,
    proxies,
    regex,
    rows,
    security,
    sniffing,
    syslog,
    web_templates,
)
from sentinel.formats.base import Format, FormatError, FormatOptions, Parsed, Parser
from sentinel.problems import did_you_mean

__all__ = [
    "FORMATS", "PLAIN_TEXT", "Format", "FormatError", "FormatOptions", "Parsed", "Parser", "Spec", "make", "sniff",
]  # fmt: skip

Spec = str | Mapping[str, Any]
"""A name, or a mapping with that name as one key: `json`, `{syslog: json}`, `{regex: '…', time: at}`."""

Maker = Callable[[Mapping[str, Any], FormatOptions], Format]
"""Makes a format from its settings: the mapping of the configuration, empty for a bare name."""

_NGINX = web_templates.make(
    "nginx", web_templates.NGINX, "log_format", web_templates.NGINX_TABLE, web_templates.NGINX_TIME
)
_APACHE = web_templates.make(
    "apache", web_templates.APACHE, "LogFormat", web_templates.APACHE_TABLE, web_templates.APACHE_TIME
)

FORMATS: Final[dict[str, Maker]] = {
    "nginx": lambda settings, options: (_NGINX if settings.get("nginx") else access.make("nginx"))(settings, options),
    "apache": lambda settings, options: (_APACHE if settings.get("apache") else access.make("apache"))(
        settings, options
    ),
    "combined": access.make("combined"),
    "common": access.make("common"),
    "vhost_combined": access.make("vhost_combined", has_host=True),
    "json": json_lines.make,
    "syslog": lambda settings, options: syslog.make(settings, options, make),
    "regex": regex.make,
    "logfmt": pairs.make_logfmt("logfmt"),
    "csv": rows.make_csv,
    "docker": lambda settings, options: containers.docker(settings, options, make),
    "cri": lambda settings, options: containers.cri(settings, options, make),
    # Web servers and proxies.
    "nginx_error": messages.make("nginx_error", messages.NGINX_ERROR, messages.NGINX_ERROR_TABLE),
    "apache_error": messages.make("apache_error", messages.APACHE_ERROR, messages.APACHE_ERROR_TABLE),
    "caddy": json_tables.make("caddy", json_tables.CADDY),
    "haproxy": proxies.make("haproxy", proxies.HAPROXY, proxies.HAPROXY_FORMS, proxies.HAPROXY_TABLE, ("tr", "t", "T")),
    "traefik": proxies.make("traefik", proxies.FIXED, (proxies.TRAEFIK_FORM,), proxies.TRAEFIK_TABLE, ("time",)),
    "traefik_json": json_tables.make("traefik_json", json_tables.TRAEFIK, ("StartUTC", "StartLocal")),
    "envoy": proxies.make(
        "envoy", proxies.ENVOY, (proxies.ENVOY_FORM, proxies.ISTIO_FORM), proxies.ENVOY_TABLE, ("START_TIME",)
    ),
    "envoy_json": json_tables.make("envoy_json", json_tables.ENVOY, ("start_time",)),
    "iis": rows.make_w3c("iis"),
    "w3c": rows.make_w3c("w3c"),
    "alb": proxies.make("alb", proxies.FIXED, proxies.ALB_FORMS, proxies.ALB_TABLE, ("time",)),
    # Clouds and platforms.
    "cloudtrail": json_tables.make("cloudtrail", json_tables.CLOUDTRAIL, ("eventTime",)),
    "kubernetes_audit": json_tables.make(
        "kubernetes_audit", json_tables.KUBERNETES_AUDIT, ("stageTimestamp", "requestReceivedTimestamp")
    ),
    "keycloak": messages.make("keycloak", messages.KEYCLOAK, messages.KEYCLOAK_TABLE),
    "keycloak_json": json_tables.make("keycloak_json", json_tables.KEYCLOAK),
    # Databases.
    "postgresql": messages.make_postgresql,
    "postgresql_csv": rows.make_postgresql_csv,
    "postgresql_json": json_tables.make("postgresql_json", json_tables.POSTGRESQL_JSON),
    "mariadb_audit": messages.make_mariadb_audit,
    "mysql_audit": json_tables.make("mysql_audit", json_tables.MYSQL_AUDIT, ("audit_record.timestamp",)),
    "mongodb_audit": json_tables.make("mongodb_audit", json_tables.MONGODB_AUDIT),
    # The host.
    "sshd": messages.make("sshd", messages.SSHD, messages.SSHD_TABLE, keeps_text=True),
    "sudo": messages.make("sudo", messages.SUDO, messages.SUDO_TABLE, keeps_text=True),
    "auditd": auditd.make_auditd,
    # Security devices.
    "cef": security.make_cef,
    "leef": security.make_leef,
    # Frameworks.
    "django": messages.make("django", messages.DJANGO, messages.DJANGO_TABLE),
    "django_json": json_tables.make("django_json", json_frameworks.DJANGO, ("asctime", "created")),
    "rails": messages.make("rails", messages.RAILS, messages.RAILS_TABLE, ("time", "at"), keeps_text=True),
    "lograge": pairs.make_logfmt("lograge", json_frameworks.RAILS),
    "rails_json": json_tables.make("rails_json", json_frameworks.RAILS),
    "spring": messages.make("spring", messages.SPRING, messages.SPRING_TABLE),
    "spring_json": json_tables.make("spring_json", json_frameworks.SPRING),
    "express": json_tables.make("express", json_frameworks.EXPRESS, ("date",)),
}

PLAIN_TEXT: Final[Spec] = sniffing.PLAIN_TEXT
"""What `sniff` answers for a log that looks like nothing known."""

AUTO: Final = "auto"
"""Not a format: the caller asks `sniff` first."""


def make(spec: Spec, options: FormatOptions) -> Format:
    """The format that a specification names. Raises FormatError, with a hint, for one that names none."""
    if isinstance(spec, str):
        return _maker(spec)({}, options)
    if not isinstance(spec, Mapping):
        raise FormatError("a format is a name or a mapping", "write `format: json` or `format: {syslog: json}`")
    if not all(isinstance(key, str) for key in spec):
        raise FormatError("the settings of a format are named by text", "write `format: {syslog: json}`")
    named = [key for key in spec if key in FORMATS]
    if len(named) > 1:
        raise FormatError(f"a format has one name, not {len(named)}: {', '.join(map(repr, named))}", "keep one of them")
    if not named:
        _maker(next(iter(spec), ""))
    return FORMATS[named[0]](spec, options)


def sniff(sample: bytes) -> tuple[Spec, str]:
    """What `auto` decides for a log that begins with these bytes, and one sentence: what, and from how many records."""
    return sniffing.sniff(sample, make)


def _maker(name: str) -> Maker:
    if name == AUTO:
        raise FormatError("'auto' is decided from the log itself", "name the format here")
    if name not in FORMATS:
        raise FormatError(f"unknown format '{name}'", did_you_mean(name, FORMATS))
    return FORMATS[name]
