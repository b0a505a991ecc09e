"""A real Elasticsearch on loopback, made of the server's own jars (as Maven artifacts) and nothing else.

What the registry has: the server and its HTTP transport. What it lacks of the usual modules is X-Pack (security, ILM),
Painless and the data-stream API; `Root.java` adds `GET /`. Data streams themselves are part of the server.

`python -m tests.elastic.server [VERSION]` resolves and starts one, says where, and runs until it is interrupted.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sentinel.clock import SECOND, SystemClock

HERE = Path(__file__).parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "breach-sentinel-tests"
VERSIONS = {"8": "8.19.21", "9": "9.5.3"}
HEAP = "512m"

_POM = """<project><modelVersion>4.0.0</modelVersion><groupId>t</groupId><artifactId>t</artifactId><version>1</version>
<dependencies>{0}</dependencies></project>"""
_DEPENDENCY = "<dependency><groupId>{0}</groupId><artifactId>{1}</artifactId><version>{2}</version></dependency>"
_ARTIFACTS = (("org.elasticsearch", "elasticsearch"), ("org.elasticsearch.plugin", "transport-netty4"))
_SIGNATURES = {
    "8": "org.elasticsearch.common.settings.Settings a,"
    " org.elasticsearch.common.io.stream.NamedWriteableRegistry b, org.elasticsearch.rest.RestController c,"
    " org.elasticsearch.common.settings.ClusterSettings d, org.elasticsearch.common.settings.IndexScopedSettings e,"
    " org.elasticsearch.common.settings.SettingsFilter f,"
    " org.elasticsearch.cluster.metadata.IndexNameExpressionResolver g,"
    " java.util.function.Supplier<org.elasticsearch.cluster.node.DiscoveryNodes> h,"
    " java.util.function.Predicate<org.elasticsearch.features.NodeFeature> i",
    "9": "ActionPlugin.RestHandlersServices a,"
    " java.util.function.Supplier<org.elasticsearch.cluster.node.DiscoveryNodes> b,"
    " java.util.function.Predicate<org.elasticsearch.features.NodeFeature> c",
}
_DESCRIPTOR = """name={name}
description={name}
version={version}
elasticsearch.version={version}
java.version=17
classname={main}
"""


def java_home(major: str) -> Path | None:
    """A Java that this Elasticsearch runs on: 17 or newer for 8, 21 or newer for 9."""
    least = {"8": 17, "9": 21}[major]
    for folder in sorted(Path("/usr/lib/jvm").glob("*")):
        release = re.search(r"\d+", folder.name.replace("1.", "", 1))
        if release is not None and int(release[0]) >= least and (folder / "bin" / "javac").exists():
            return folder
    return None


def lacking(major: str) -> str:
    """What this machine lacks to start one; empty where it lacks nothing."""
    if java_home(major) is None:
        return f"a JDK for Elasticsearch {major} (Debian: apt-get install openjdk-17-jdk-headless)"
    if shutil.which("mvn") is None and not _installed(major).exists():
        return "Maven (Debian: apt-get install maven)"
    return ""


def needs_elasticsearch(major: str) -> pytest.MarkDecorator:
    """Tests that want a real server of this major version."""
    return pytest.mark.skipif(bool(lacking(major)), reason=f"needs {lacking(major)}")


def _installed(major: str) -> Path:
    return CACHE / f"elasticsearch-{VERSIONS[major]}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def install(major: str) -> Path:
    """The folder with jars, module and classes; made once."""
    version, done = VERSIONS[major], _installed(major)
    if done.exists():
        return done
    java = java_home(major)
    assert java is not None
    home = done.with_suffix(f".{os.getpid()}")
    shutil.rmtree(home, ignore_errors=True)
    (home / "lib").mkdir(parents=True)
    environ = os.environ | {"JAVA_HOME": str(java)}
    for group, artifact in _ARTIFACTS:
        (home / "pom.xml").write_text(_POM.format(_DEPENDENCY.format(group, artifact, version)))
        target = home / ("lib" if artifact == "elasticsearch" else "module")
        command = ["mvn", "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={target}"]
        subprocess.run(command, cwd=home, env=environ, check=True, timeout=600)
    _modules(home, version)
    (home / "Root.java").write_text((HERE / "Root.java").read_text().replace("SIGNATURE", _SIGNATURES[major]))
    for source, folder in ((HERE / "Server.java", "classes"), (home / "Root.java", "plugin")):
        options = ["-proc:none", "-nowarn", "-d", str(home / folder), "-cp", f"{home}/lib/*"]
        subprocess.run([str(java / "bin" / "javac"), *options, str(source)], check=True, timeout=120)
    jar = [
        str(java / "bin" / "jar"),
        "cf",
        str(home / "modules" / "root" / "root.jar"),
        "-C",
        str(home / "plugin"),
        ".",
    ]
    subprocess.run(jar, check=True, timeout=120)
    home.rename(done)
    return done


def _modules(home: Path, version: str) -> None:
    """Each module in a folder of its own, without what the server has already."""
    netty = home / "modules" / "transport-netty4"
    netty.mkdir(parents=True)
    for jar in (home / "module").iterdir():
        if not (home / "lib" / jar.name).exists():
            jar.rename(netty / jar.name)
    (home / "modules" / "root").mkdir()
    for name, main in (("transport-netty4", "org.elasticsearch.transport.netty4.Netty4Plugin"), ("root", "Root")):
        descriptor = _DESCRIPTOR.format(name=name, version=version, main=main)
        (home / "modules" / name / "plugin-descriptor.properties").write_text(descriptor)


@dataclass
class ElasticServer:
    """One node; `settings` are lines of elasticsearch.yml. Its data stay in `folder` from start to start."""

    folder: Path
    major: str = "8"
    settings: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=_free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, seconds: float = 180.0) -> None:
        """Returns when it answers."""
        home, java = install(self.major), java_home(self.major)
        assert java is not None
        for name in ("lib", "modules", "classes"):
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            if not (self.folder / name).exists():
                (self.folder / name).symlink_to(home / name)
        (self.folder / "config").mkdir(exist_ok=True)
        lines = {
            "cluster.name": "sentinel-test",
            "node.name": "one",
            "http.host": "127.0.0.1",
            "http.port": str(self.port),
            "transport.host": "127.0.0.1",
            "transport.port": str(_free_port()),
            "discovery.type": "single-node",
            "cluster.routing.allocation.disk.threshold_enabled": "false",
            **self.settings,
        }
        text = "".join(f"{key}: {value}\n" for key, value in lines.items())
        (self.folder / "config" / "elasticsearch.yml").write_text(text)
        options = [f"-Xms{HEAP}", f"-Xmx{HEAP}", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        if self.major == "9":
            options += ["--enable-native-access=ALL-UNNAMED", "--add-modules=jdk.incubator.vector"]
        classpath = f"{self.folder}/classes:{self.folder}/lib/*"
        command = [str(java / "bin" / "java"), *options, "-cp", classpath, "Server", str(self.folder)]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        clock = SystemClock()
        until = clock.now() + round(seconds * SECOND)
        while not self.answers():
            if self.process.poll() is not None or clock.now() > until:
                self.kill()
                raise RuntimeError((self.folder / "log").read_text()[-4000:])
            clock.wait(0.2, threading.Event())

    def answers(self) -> bool:
        """It says who it is."""
        try:
            with urllib.request.urlopen(self.url, timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def stop(self) -> None:
        """Down as a machine goes down in order."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Down as by a power cut."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(60)
            self.process = None


def main() -> None:
    """Run one until it is interrupted."""
    major = sys.argv[1] if len(sys.argv) > 1 else "8"
    server = ElasticServer(CACHE / f"run-{major}", major)
    server.start()
    print(f"Elasticsearch {VERSIONS[major]} at {server.url}", flush=True)
    try:
        signal.pause()
    except KeyboardInterrupt:
        server.stop()


if __name__ == "__main__":
    main()
