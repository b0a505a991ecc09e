"""`sentinel elastic …`: an Elasticsearch cluster made ready for what Sentinel writes to it.

Rule of this file: what is installed is what lies in deploy/elasticsearch; nothing that holds documents is changed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from elasticsearch import ApiError, Elasticsearch

from sentinel import cluster, files
from sentinel import config as configuration
from sentinel.channels.elasticsearch import ElasticsearchOptions
from sentinel.cluster import ClusterError
from sentinel.commands.output import CommandError, ConfigOption, console, examples, family
from sentinel.config import Config
from sentinel.problems import Unusable
from sentinel.secrets import SecretError

app = family("An Elasticsearch cluster made ready for findings and cases.", "sentinel elastic setup")

POLICY = "sentinel"
_NO_ILM = frozenset({400, 404, 405, 410})

ChannelOption = Annotated[
    str | None, typer.Option("--channel", help="A channel of type elasticsearch; else every one.")
]


@app.callback()
def elastic() -> None:
    """The commands below `sentinel elastic`."""


@app.command(
    epilog=examples("sentinel elastic setup", "sentinel elastic setup --channel siem -c /etc/sentinel/sentinel.yaml")
)
def setup(channel: ChannelOption = None, config: ConfigOption = None) -> None:
    """Lifecycle policy and index templates are put into the cluster of a channel; say it again after an upgrade."""
    loaded, problems = configuration.load(configuration.find(config))
    if loaded is None:
        raise Unusable(problems)
    terminal = console()
    for name, options in _chosen(loaded, channel):
        try:
            client = cluster.connect(options, loaded.secrets(os.environ))
            terminal.print(f"{name}: Elasticsearch {cluster.check(client)}")
            for line in installed(client, files.shipped("deploy") / "elasticsearch"):
                terminal.print(f"{name}: {line}")
        except (ClusterError, SecretError) as wrong:
            raise CommandError(f"channel '{name}': {wrong.message}", wrong.hint) from None


def _chosen(loaded: Config, channel: str | None) -> list[tuple[str, ElasticsearchOptions]]:
    every = {name: each for name, each in loaded.channels.items() if isinstance(each, ElasticsearchOptions)}
    if channel is not None and channel not in every:
        raise CommandError(f"there is no channel '{channel}' of type elasticsearch", f"there are: {', '.join(every)}")
    if not every:
        raise CommandError("the configuration has no channel of type elasticsearch", "see docs/elasticsearch.md")
    return [(name, each) for name, each in every.items() if channel in {None, name}]


def installed(client: Elasticsearch, folder: Path) -> Iterator[str]:
    """Puts everything in the folder into the cluster and says what. Raises ClusterError.

    Where the cluster has no ILM (serverless has none), the data streams' own lifecycle keeps documents as long.
    """
    policy = orjson.loads((folder / "ilm-policy.json").read_bytes())
    has_ilm = _put_policy(client, policy)
    yield f"lifecycle policy '{POLICY}'" if has_ilm else "no ILM here: the data streams' own lifecycle is used"
    for file in sorted(folder.glob("index-template-*.json")):
        template = orjson.loads(file.read_bytes())
        name = "sentinel-" + file.stem.removeprefix("index-template-")
        if not has_ilm:
            del template["template"]["settings"]["index.lifecycle.name"]
            kept = policy["policy"]["phases"]["delete"]["min_age"]
            template["template"]["lifecycle"] = {"data_retention": kept}
        try:
            client.indices.put_index_template(name=name, body=template)
        except cluster.failures() as wrong:
            raise cluster.failure(wrong) from None
        yield f"index template '{name}' for {', '.join(template['index_patterns'])}"


def _put_policy(client: Elasticsearch, policy: dict[str, Any]) -> bool:
    """Whether the cluster has ILM."""
    try:
        client.ilm.put_lifecycle(name=POLICY, policy=policy["policy"])
    except cluster.failures() as wrong:
        if isinstance(wrong, ApiError) and wrong.status_code in _NO_ILM and not cluster.error_type(wrong.body):
            return False
        raise cluster.failure(wrong) from None
    return True
