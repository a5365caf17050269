"""Measures autoconnect and what a user would take otherwise, on one local endpoint: wall time, processor time, memory, requests.

    python3 -m venv V && V/bin/pip install --require-hashes --no-deps -r benches/alternatives/requirements.txt
    python3 -m venv P && P/bin/pip install --require-hashes --no-deps -r tests/peer/requirements.txt
    cargo build --release
    V/bin/python benches/alternatives/run.py --peer P/bin/python --plugins FOLDER

FOLDER holds Terraform's provider for AWS; terraform and jq are taken from PATH. The commands that are compared take turns. The
account is made once for each size, and every run on it only reads. Writes docs/performance/alternatives.json; chart.py draws it.
"""

import argparse
import json
import os
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

from account import NEW, REGION, Account

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
OUT = ROOT / "docs/performance/alternatives.json"
PROVIDER = """provider "aws" {
  region                      = "%s"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
}
""" % REGION


# Starts a command, and writes the peak memory in KiB of the largest process of it to a file. A process begins with the memory of
# the one that started it as its peak, and this one is small.
LAUNCHER = """
import os, resource, sys
status = os.waitstatus_to_exitcode(os.waitpid(os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ), 0)[1])
open(sys.argv[1], "w").write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
sys.exit(status)
"""


class Peer:
    """moto, as the tests over the wire run it: corrected, one request at a time."""

    def __init__(self, python):
        env = {**os.environ, "MOTO_IAM_LOAD_MANAGED_POLICIES": "true", "AUTOCONNECT_GROUPS_ON_A_PAGE": "1000"}
        self.process = subprocess.Popen(
            [python, ROOT / "tests/peer/serve.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env
        )
        self.url = f"http://127.0.0.1:{int(self.process.stdout.readline())}"

    def requests(self):
        """How many requests there were. The access key is the Region's name, so that those of IAM, which has no Region, count."""
        asked = urllib.request.Request(f"{self.url}/_peer/log", data=json.dumps({"region": REGION}).encode())
        with urllib.request.urlopen(asked) as answer:
            return len(json.load(answer))

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Run:
    """One run of a command: its status, seconds, processor seconds of it and all that it started, and what it printed."""

    def __init__(self, command, environment, folder, limit):
        with tempfile.TemporaryFile() as printed, tempfile.TemporaryFile() as errors:
            start = time.monotonic()
            self.process = subprocess.Popen(
                command, env=environment, cwd=folder, stdout=printed, stderr=errors, stdin=subprocess.DEVNULL, start_new_session=True
            )
            self.started()
            self.ran_out = False
            timer = threading.Timer(limit, self.end)
            timer.start()
            _, status, used = os.wait4(self.process.pid, 0)
            self.wall = time.monotonic() - start
            timer.cancel()
            self.process.returncode = self.status = os.waitstatus_to_exitcode(status)
            self.processor = used.ru_utime + used.ru_stime
            printed.seek(0)
            errors.seek(0)
            self.printed, self.errors = printed.read().decode(), errors.read().decode()

    def started(self):
        pass

    def end(self):
        self.ran_out = True
        os.killpg(self.process.pid, signal.SIGKILL)


class Watched(Run):
    """A run whose memory is followed: the most that it and all that it started had at a time, in bytes."""

    def __init__(self, command, environment, folder, limit):
        self.memory = 0
        with tempfile.NamedTemporaryFile() as peak:
            super().__init__([sys.executable, "-ISc", LAUNCHER, peak.name, *command], environment, folder, limit)
            self.memory = max(self.memory, int(peak.read() or 0) * 1024)

    def started(self):
        threading.Thread(target=self.follow, daemon=True).start()

    def follow(self):
        while self.process.returncode is None:
            self.memory = max(self.memory, sum(resident(process) for process in tree(self.process.pid)[1:]))
            time.sleep(0.02)


def tree(root):
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                parents.setdefault(int(Path(f"/proc/{entry}/stat").read_text().rsplit(")", 1)[1].split()[1]), []).append(int(entry))
            except OSError:
                pass
    found = [root]
    for process in found:
        found += parents.get(process, [])
    return found


def resident(process):
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


def check(run, what, statuses=(0,)):
    if run.status not in statuses:
        sys.exit(f"{what} ended with {run.status}: {run.printed[-2000:]}{run.errors[-2000:]}")


class Compared:
    """A size of account, with everything that is compared on it."""

    def __init__(self, options, connections):
        self.options, self.connections = options, connections
        self.peer = Peer(options.peer)
        self.folder = Path(tempfile.mkdtemp())
        self.environment = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(self.folder),
            "AWS_ENDPOINT_URL": self.peer.url,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": REGION,
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/dev/null",
            "CHECKPOINT_DISABLE": "1",
            "TF_CLI_CONFIG_FILE": "/dev/null",
            "PYTHONDONTWRITEBYTECODE": "1",
            "TF_IN_AUTOMATION": "1",
        }

    def run(self, command, folder=None, limit=3600, kind=Run):
        return kind([str(part) for part in command], self.environment, folder or self.folder, limit)

    def prepare(self):
        account, manifest = Account(self.peer.url), self.folder / "connections.toml"
        manifest.write_text(account.make(self.connections))
        check(self.run([self.options.autoconnect, "setup", "--manifest", manifest, "--yes"]), "setup")
        manifest.write_text(account.add_the_others(self.connections))
        pairs = [f"database-{n // 5} function-{n}\n" for n in range(self.connections)]
        (self.folder / "connections.txt").write_text("".join(pairs))
        if self.options.plugins:
            self.terraform()

    def terraform(self):
        """What `export` writes, imported into a state: a plan then reads the same groups and rules, and finds no change."""
        self.code = self.folder / "terraform"
        self.code.mkdir()
        (self.code / "provider.tf").write_text(PROVIDER)
        check(self.run([self.options.autoconnect, "export", "--all", "--format", "terraform", "--out", self.code]), "export")
        check(self.run(["terraform", "init", "-input=false", f"-plugin-dir={self.options.plugins}"], self.code), "terraform init")
        check(self.run(["terraform", "apply", "-input=false", "-auto-approve"], self.code), "terraform apply")

    def questions(self):
        program, at = self.options.autoconnect, self.folder
        new = ["--instance", "database-0", "--function", NEW]
        pairs = at / "connections.txt"
        drift = {
            "autoconnect": ([program, "drift", "--manifest", at / "connections.toml"], None),
            "boto3 script": ([sys.executable, HERE / "drift_boto3.py", pairs], None),
            "AWS CLI script": ([HERE / "drift_cli.sh", pairs], None),
            "Cloud Custodian": (["custodian", "run", "--cache-period=0", "-s", at / "custodian", HERE / "policies.yml"], None),
        }
        if self.options.plugins:
            plan = ["terraform", "plan", "-detailed-exitcode", "-input=false", "-lock=false"]
            drift["Terraform plan"] = (plan, self.code)
        setup = {
            "autoconnect": ([program, "setup", *new, "--dry-run"], None),
            "autoconnect --no-diagnose": ([program, "setup", *new, "--dry-run", "--no-diagnose"], None),
            "boto3 script": ([sys.executable, HERE / "setup_boto3.py", "database-0", NEW], None),
            "AWS CLI script": ([HERE / "setup_cli.sh", "database-0", NEW], None),
        }
        return {"setup": setup, "drift": drift}

    def measure(self, commands, runs):
        """The medians of some runs, in turns. Memory and requests are of one more run before, which also fills caches."""
        cells, found = {}, {}
        for name, (command, folder) in commands.items():
            before = self.peer.requests()
            run = self.run(command, folder, self.options.limit, Watched)
            if run.ran_out:
                cells[name] = {"more_than_s": self.options.limit}
                continue
            check(run, name)
            cells[name] = {"requests": self.peer.requests() - before, "memory_mib": round(run.memory / 2**20, 1)}
            found[name] = []
            print(f"{self.connections:5} {name:28} {run.wall:8.2f} s {cells[name]}", flush=True)
        for _ in range(runs):
            for name in found:
                run = self.run(*commands[name], self.options.limit)
                check(run, name)
                found[name].append((run.wall, run.processor))
        for name, measured in found.items():
            walls, processors = zip(*measured)
            cells[name].update(
                wall_s=round(statistics.median(walls), 3), processor_s=round(statistics.median(processors), 3), worst_wall_s=round(max(walls), 3)
            )
        return cells

    def close(self):
        self.peer.close()
        shutil.rmtree(self.folder)


def versions(options):
    from importlib.metadata import version

    found = {name: version(name) for name in ("awscli", "boto3", "botocore", "c7n")}
    if options.plugins:
        found["terraform"] = json.loads(subprocess.check_output(["terraform", "version", "-json"], stderr=subprocess.DEVNULL))["terraform_version"]
        provider = Path(options.plugins) / "registry.terraform.io/hashicorp/aws"
        found["terraform-provider-aws"] = sorted(path.name for path in provider.iterdir() if path.is_dir())[-1]
    return found


def options():
    parser = argparse.ArgumentParser()
    parser.add_argument("--autoconnect", default=ROOT / "target/release/autoconnect", type=lambda text: Path(text).resolve())
    parser.add_argument("--peer", required=True, help="the interpreter with tests/peer/requirements.txt")
    parser.add_argument("--plugins", help="the folder of Terraform's providers; without it Terraform is left out")
    parser.add_argument("--sizes", default="1,40,1000")
    parser.add_argument("--runs", default=5, type=int)
    parser.add_argument("--limit", default=300, type=int, help="seconds that a command may take")
    parser.add_argument("--out", default=OUT, type=Path)
    return parser.parse_args()


def main():
    wanted = options()
    sizes = {}
    for connections in map(int, wanted.sizes.split(",")):
        compared = Compared(wanted, connections)
        try:
            start = time.monotonic()
            compared.prepare()
            print(f"{connections} connections were made in {time.monotonic() - start:.0f} s", flush=True)
            runs = wanted.runs if connections < 1000 else min(wanted.runs, 3)
            questions = compared.questions()
            sizes[connections] = {"runs": runs, **{name: compared.measure(commands, runs) for name, commands in questions.items()}}
        finally:
            compared.close()
        machine = {"processors": os.cpu_count(), "system": platform.system(), "python": platform.python_version()}
        document = {"versions": versions(wanted), "machine": machine, "sizes": sizes}
        wanted.out.parent.mkdir(exist_ok=True)
        wanted.out.write_text(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main()
