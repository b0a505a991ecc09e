"""A daemon in this process that ends as by `kill -9`."""

from __future__ import annotations

from sentinel.app import Daemon


def kill(daemon: Daemon) -> None:
    """Nothing is saved, nothing is said; its threads and what it watches files with do not outlive it."""
    daemon.courier.stop(0)
    daemon.control.stop()
    daemon.heartbeat.stop()
    daemon.collector.stop()
    for server in daemon.servers():
        server.stop()
    daemon.renewal.close()
    daemon.sources.close()
    daemon.keeper.wait(60)
    daemon.store.let_go()
    daemon.custody.let_go()
