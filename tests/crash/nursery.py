"""Daemons that are cheap to kill: one process has everything imported and forks a daemon whenever it is asked.

A daemon waits for SIGUSR1 before it does anything, so that whoever wants to follow its system calls can take hold of
it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from typing import IO

from sentinel.store import StoreError
from sentinel.vault import VaultError
from tests.crash.watched import DEADLINE_SECONDS, NOT_OURS, Watched, until


def nurse(folder: Path) -> None:
    """Fork a daemon for each `start` on standard input and say its pid; for each `end` wait for it and say how."""
    from sentinel import channels, logs  # noqa: F401  (imported once, for all)
    from sentinel.app import watch
    from sentinel.store import segments  # noqa: F401  (large, and else imported by each)

    logs.configure("text")
    os.chdir(folder)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})  # one that comes early waits
    pid = 0
    for line in sys.stdin:
        if line.strip() == "start":
            pid = os.fork()
            if pid == 0:
                live(watch)
            print(pid, flush=True)
        else:
            _, status = os.waitpid(pid, 0)
            print(os.waitstatus_to_exitcode(status), flush=True)


def live(watch: object) -> None:
    """A daemon's whole life, in a process of its own."""
    code = 3
    try:
        signal.sigwait({signal.SIGUSR1})
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR1})
        watch(Path("sentinel.yaml"))  # type: ignore[operator]  # the daemon's own
        code = 0
    except (StoreError, VaultError, OSError) as error:
        print(f"cannot start: {error}", file=sys.stderr)
        code = 1
    except BaseException:  # noqa: BLE001  (whatever it is, this copy of the process must not go on as the nursery)
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


class Nursed(Watched):
    """A watched daemon whose processes come from a nursery; `inject` says what happens at which system call."""

    nursery: subprocess.Popen[str] | None = None
    tracer: subprocess.Popen[bytes] | None = None
    pid = 0

    def start(self, *inject: str) -> None:
        if self.nursery is None:
            environ = {name: value for name, value in os.environ.items() if name not in NOT_OURS}
            command = [sys.executable, "-m", "tests.crash.nursery", str(self.folder)]
            with self.log.open("ab") as log:
                self.nursery = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=environ, text=True
                )
        self.pid = int(self._say("start"))
        if inject:
            with self.log.open("a") as log:
                log.write(f"-- {' '.join(inject)}\n")
            options = [option for each in inject for option in ("-e", f"inject={each}")]
            calls = ",".join(each.partition(":")[0] for each in inject)
            command = ["strace", "-f", "-q", "-o", "/dev/null", "-e", f"trace={calls}", *options, "-p", str(self.pid)]
            self.tracer = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            until(self._is_traced, "strace has taken hold")
        os.kill(self.pid, signal.SIGUSR1)

    def _say(self, word: str) -> str:
        assert self.nursery is not None
        assert self.nursery.stdin is not None
        assert self.nursery.stdout is not None
        self.nursery.stdin.write(f"{word}\n")
        self.nursery.stdin.flush()
        answer = self.nursery.stdout.readline()
        assert answer, self.last_words()
        return answer

    def _status(self, name: str) -> str:
        text = Path(f"/proc/{self.pid}/status").read_text()
        return next(line.split("\t", 1)[1].strip() for line in text.splitlines() if line.startswith(f"{name}:"))

    def _is_traced(self) -> bool:
        return self._status("TracerPid") != "0"

    def is_dead(self) -> bool:
        return self.pid != 0 and self._status("State").startswith("Z")

    def has_opened_its_store(self) -> bool:
        raise NotImplementedError

    def kill(self) -> None:
        self._signal(signal.SIGKILL)
        assert self.end() == -signal.SIGKILL, self.last_words()

    def terminate(self) -> None:
        """As the service manager does, without waiting."""
        self._signal(signal.SIGTERM)

    def stop(self) -> None:
        until(self.is_at_work, "it answers")
        self.terminate()
        code = self.end()
        assert code == 0, f"it ended with {code}: {self.last_words()}"

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def end(self) -> int:
        """Wait until it has ended and say how: its exit code, or the signal below 0."""
        until(self.is_dead, "it ends")
        code = int(self._say("end"))
        self.pid = 0
        if self.tracer is not None:
            self.tracer.wait(DEADLINE_SECONDS)
            self.tracer = None
        return code

    def let_go(self) -> None:
        if self.pid:
            self._signal(signal.SIGKILL)
        for process in (self.tracer, self.nursery):
            if process is not None:
                process.kill()
                process.wait()
                for pipe in (process.stdin, process.stdout):
                    _close(pipe)


def _close(pipe: IO[str] | IO[bytes] | None) -> None:
    if pipe is not None:
        with suppress(OSError):
            pipe.close()


if __name__ == "__main__":
    nurse(Path(sys.argv[1]))
