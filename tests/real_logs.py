"""`python -m tests.real_logs FOLDER`: logs of real servers, written by real requests, and what `discover` sees in them.

Debian's nginx, Apache and PostgreSQL, and Flask, Datasette and Radicale from PyPI are started on loopback as far as
they are there (APPS is the folder of programs of a virtual environment with the latter three), asked for what people's
data stand behind and for what they do not, and stopped. Everybody is invented. To be run as root, for PostgreSQL.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from random import Random

APPS = Path(os.environ.get("APPS", "/usr/bin"))
POSTGRES = Path("/usr/lib/postgresql/15/bin")
PEOPLE = 60
NGINX = """daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.error.log; worker_processes 1;
events {{}}
http {{ access_log {folder}/nginx.access.log combined; client_body_temp_path {folder}; proxy_temp_path {folder};
fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};
server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://127.0.0.1:{behind}; }} }} }}
"""
APACHE = """ServerName localhost
PidFile {folder}/apache.pid
Listen 127.0.0.1:{port}
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule proxy_module {modules}/mod_proxy.so
LoadModule proxy_http_module {modules}/mod_proxy_http.so
ErrorLog {folder}/apache.error.log
CustomLog {folder}/apache.access.log "%h %l %u %t \\"%r\\" %>s %b \\"%{{Referer}}i\\" \\"%{{User-Agent}}i\\""
ProxyPass "/" "http://127.0.0.1:{behind}/"
"""
BOOK = b"""<mkcol xmlns="DAV:"><set><prop><resourcetype><collection/>
<addressbook xmlns="urn:ietf:params:xml:ns:carddav"/></resourcetype></prop></set></mkcol>"""
FLASK = """
from flask import Flask, jsonify
app = Flask(__name__)
@app.get("/")
def home(): return "hello"
@app.get("/api/customers/<int:number>")
def customer(number): return jsonify(id=number)
@app.get("/api/customers/<int:number>/invoices/<name>.pdf")
def invoice(number, name): return "pdf"
@app.get("/search")
def search(): return "found"
@app.get("/static/app.css")
def style(): return "css"
"""


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@contextlib.contextmanager
def running(command: list[str], port: int, folder: Path, log: Path) -> Iterator[None]:
    """The program, until it has been asked."""
    with log.open("wb") as file:
        program = subprocess.Popen(command, cwd=folder, stdout=file, stderr=file)
    try:
        for _ in range(1200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            if program.poll() is not None:
                raise RuntimeError(f"{command[0]} ended: see {log}")
            threading.Event().wait(0.1)
        yield
    finally:
        program.terminate()
        program.wait()


def ask(port: int, path: str, user: str = "", body: bytes | None = None, method: str = "") -> None:
    """One request; what comes of it is in the log."""
    asked = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data=body, method=method or None)
    if user:
        asked.add_header("Authorization", "Basic " + b64encode(f"{user}:x".encode()).decode())
    with contextlib.suppress(urllib.error.HTTPError), urllib.request.urlopen(asked) as answer:
        answer.read()


def datasette(folder: Path, random: Random) -> Iterator[str]:
    """Datasette, which publishes databases, behind nginx: tables of patients and of wards."""
    with sqlite3.connect(folder / "clinic.db") as db:
        db.execute("CREATE TABLE patients (id INTEGER PRIMARY KEY, name TEXT, email TEXT)")
        db.execute("CREATE TABLE wards (id INTEGER PRIMARY KEY, name TEXT)")
        people = [(number, f"P {number}", f"p{number}@example.org") for number in range(PEOPLE)]
        db.executemany("INSERT INTO patients VALUES (?, ?, ?)", people)
        db.executemany("INSERT INTO wards VALUES (?, ?)", [(n, f"W {n}") for n in range(5)])
    behind, port = free_port(), free_port()
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port, behind=behind))
    serve = [str(APPS / "datasette"), "serve", "clinic.db", "-p", str(behind)]
    with (
        running(serve, behind, folder, folder / "datasette.log"),
        running(["nginx", "-c", str(folder / "nginx.conf")], port, folder, folder / "nginx.out"),
    ):
        for _ in range(300):
            ask(port, random.choice(("/", "/clinic", f"/clinic/wards/{random.randrange(5)}", "/-/static/app.css")))
            ask(port, f"/clinic/patients/{random.randrange(PEOPLE)}")
        for number in range(40):
            ask(port, f"/clinic/patients?email=p{number}%40example.org")
            ask(port, "/clinic/patients.csv?_size=max")
    yield "nginx.access.log"
    yield "datasette.log"


def radicale(folder: Path, random: Random) -> Iterator[str]:
    """Radicale, which keeps people's contacts and calendars, behind Apache."""
    behind, port = free_port(), free_port()
    modules = "/usr/lib/apache2/modules"
    (folder / "apache.conf").write_text(APACHE.format(folder=folder, port=port, behind=behind, modules=modules))
    serve = [str(APPS / "radicale"), "--server-hosts", f"127.0.0.1:{behind}", "--auth-type", "none"]
    serve += ["--storage-filesystem-folder", str(folder / "contacts"), "--logging-level", "info"]
    with (
        running(serve, behind, folder, folder / "radicale.log"),
        running(["apache2", "-DFOREGROUND", "-f", str(folder / "apache.conf")], port, folder, folder / "apache.out"),
    ):
        for person in range(8):
            user = f"staff{person}"
            ask(port, f"/{user}/contacts/", user, BOOK, "MKCOL")
            for card in range(12):
                text = f"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:c{card}\r\nN:P{card};;;;\r\nFN:P{card}\r\nEND:VCARD\r\n"
                ask(port, f"/{user}/contacts/c{card}.vcf", user, text.encode(), "PUT")
        for _ in range(400):
            user = f"staff{random.randrange(8)}"
            ask(port, f"/{user}/contacts/c{random.randrange(12)}.vcf", user)
    yield "apache.access.log"
    yield "radicale.log"


def flask(folder: Path, random: Random) -> Iterator[str]:
    """A shop of a few lines on Flask, logged by its server."""
    port = free_port()
    (folder / "shop.py").write_text(FLASK)
    serve = [str(APPS / "python"), "-m", "flask", "--app", "shop", "run", "-p", str(port)]
    with running(serve, port, folder, folder / "flask.log"):
        for _ in range(300):
            ask(port, random.choice(("/", "/static/app.css")))
            ask(port, f"/api/customers/{random.randrange(PEOPLE)}")
            ask(port, f"/api/customers/{random.randrange(PEOPLE)}/invoices/R{random.randrange(900)}.pdf")
        for number in range(40):
            ask(port, f"/search?phone=%2B45200000{number:02}")
    yield "flask.log"


def postgresql(folder: Path, random: Random) -> Iterator[str]:
    """PostgreSQL with every statement logged as CSV."""
    data, port = folder / "data", free_port()
    shutil.chown(folder, "postgres")

    def run(*command: str) -> None:
        subprocess.run(["runuser", "-u", "postgres", "--", *command], cwd=folder, check=True, stdout=subprocess.DEVNULL)

    run(str(POSTGRES / "initdb"), "-D", str(data), "-A", "trust")
    options = f"-p {port} -k {folder} -c listen_addresses= -c logging_collector=on -c log_destination=csvlog"
    options += " -c log_statement=all -c log_directory=log -c log_filename=postgresql.log"
    run(str(POSTGRES / "pg_ctl"), "-D", str(data), "-w", "-o", options, "-l", str(folder / "start.log"), "start")
    try:
        statements = ["CREATE TABLE patients (id int, name text);", "CREATE TABLE wards (id int);"]
        for _ in range(300):
            statements.append(f"SELECT * FROM patients WHERE id = {random.randrange(PEOPLE)};")
            statements.append("SELECT count(*) FROM wards;")
        statements += ["COPY patients TO STDOUT;"] * 10
        (folder / "asked.sql").write_text("\n".join(statements))
        run("psql", "-h", str(folder), "-p", str(port), "-d", "postgres", "-q", "-f", str(folder / "asked.sql"))
    finally:
        run(str(POSTGRES / "pg_ctl"), "-D", str(data), "-m", "fast", "stop")
    yield "data/log/postgresql.csv"


def main(arguments: list[str]) -> int:
    """Write the logs below the folder and show what is found in each."""
    top = Path(arguments[0]).absolute()
    for start in (datasette, radicale, flask, postgresql):
        folder = top / start.__name__
        folder.mkdir(parents=True)
        folder.chmod(0o755)
        try:
            logs = list(start(folder, Random(1)))
        except (OSError, RuntimeError, subprocess.CalledProcessError) as error:
            print(f"{start.__name__}: not here: {error}", flush=True)
            continue
        for log in logs:
            print(f"--- {start.__doc__} {log}", flush=True)
            subprocess.run([sys.executable, "-m", "sentinel", "discover", str(folder / log)], check=False, cwd=folder)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
