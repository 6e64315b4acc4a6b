"""A real Slurm on this machine for tests: Debian's packages, four nodes in three partitions, accounting if wanted.

Needs root and Debian's slurm-wlm and munge (slurmdbd and mariadb-server for accounting). Without cgroups, so memory
limits are admitted and not enforced. Only one at a time: Slurm's commands find it through links in /etc/slurm.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

SYSTEM = Path("/etc/slurm")
FILES = ("slurm.conf", "gres.conf", "cgroup.conf")
NODES = {"c1": "CPUs=8 RealMemory=16000", "c2": "CPUs=8 RealMemory=16000", "m1": "CPUs=8 RealMemory=64000",
         "g1": "CPUs=4 RealMemory=16000 Gres=gpu:t4:1"}  # fmt: skip
PARTITIONS = {"compute": "c1,c2", "memory": "m1", "gpu": "g1"}
CONFIG = """
ClusterName=kilnscan
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={root}/munge.socket
CredType=cred/munge
SlurmctldPort={port}
SlurmctldPidFile={root}/slurmctld.pid
SlurmctldLogFile={root}/slurmctld.log
StateSaveLocation={root}/state
SlurmdPidFile={root}/%n.pid
SlurmdLogFile={root}/%n.log
SlurmdSpoolDir={root}/spool-%n
# neither cgroups nor systemd
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
# the nodes claim more than this machine has
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
GresTypes=gpu
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0,max_rpc_cnt=0
ReturnToService=2
MinJobAge={min_job_age}
KillWait=2
SlurmctldTimeout=30
# how soon a silent node is given up
SlurmdTimeout=10
MessageTimeout=10
JobRequeue=1
"""
ACCOUNTING = """
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort={dbd_port}
# slurmdbd's clients look for munge here and not in AuthInfo
AccountingStoragePass={root}/munge.socket
AccountingStorageTRES=gres/gpu
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
"""
NO_ACCOUNTING = "AccountingStorageType=accounting_storage/none\nJobAcctGatherType=jobacct_gather/none\n"
DATABASE = """
AuthType=auth/munge
AuthInfo=socket={root}/munge.socket
DbdHost={host}
DbdAddr=127.0.0.1
DbdPort={dbd_port}
SlurmUser=root
PidFile={root}/slurmdbd.pid
LogFile={root}/slurmdbd.log
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={sql_port}
StorageUser=slurm
StoragePass={password}
StorageLoc=slurm
"""


@dataclass
class Slurm:
    """The cluster, its files in `root`."""

    root: Path
    accounting: bool
    min_job_age: int = 300
    _ports: dict[str, int] = field(default_factory=dict)
    _database: subprocess.Popen | None = None

    def ask(self, *command: str) -> str:
        """What one of Slurm's commands prints."""
        run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        return run.stdout.strip()

    def jobs(self, states: str = "all") -> list[list[str]]:
        """Id, name, state, partition, memory, node and comment of every job that the controller still knows."""
        lines = self.ask("squeue", "--noheader", f"--states={states}", "--format=%A|%j|%T|%P|%m|%N|%k").splitlines()
        return [line.split("|") for line in lines]

    def fail_node(self, node: str) -> None:
        """Kill a node's daemon and all that runs there at once, as when a machine loses power."""
        log = str(self.root / f"{node}.log")
        holders = [pid for pid in _processes() if pid != os.getpid() and _holds(pid, log)]
        for pid in {one for holder in holders for one in (holder, *_descendants(holder))}:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def start_node(self, node: str) -> None:
        """Start a node's daemon."""
        (self.root / f"spool-{node}").mkdir(exist_ok=True)
        _run(["slurmd", "-N", node, "-f", str(self.root / "slurm.conf")])

    def _pid(self, name: str) -> int | None:
        try:
            return int((self.root / f"{name}.pid").read_text())
        except (OSError, ValueError):
            return None

    def _start(self) -> None:
        self._write_config()
        key = self.root / "munge.key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o600)
        munge = [f"--{name}={self.root / file}" for name, file in
                 (("key-file", "munge.key"), ("socket", "munge.socket"), ("pid-file", "munged.pid"),
                  ("log-file", "munged.log"), ("seed-file", "munge.seed"))]  # fmt: skip
        _run(["munged", *munge])
        _wait(lambda: _works(["munge", "-n", "-S", str(self.root / "munge.socket")]), "munged")
        if self.accounting:
            self._start_database()
        _run(["slurmctld", "-c", "-f", str(self.root / "slurm.conf")])
        for node in NODES:
            self.start_node(node)
        idle = ["sinfo", "--noheader", "--Node", "--states=idle", "--format=%N"]
        _wait(lambda: set(self.ask(*idle).split()) == set(NODES), "slurmd")

    def _write_config(self) -> None:
        host = socket.gethostname().partition(".")[0]
        names = ("port", "dbd_port", "sql_port", *NODES)
        self._ports = dict(zip(names, _free_ports(len(names)), strict=True))
        facts = {"root": self.root, "host": host, "min_job_age": self.min_job_age, "password": secrets.token_hex(16)}
        facts |= {name: self._ports[name] for name in names[:3]}
        text = CONFIG.format(**facts) + (ACCOUNTING.format(**facts) if self.accounting else NO_ACCOUNTING)
        for node, size in NODES.items():
            where = f"NodeHostname={host} NodeAddr=127.0.0.1 Port={self._ports[node]}"
            text += f"NodeName={node} {where} {size} State=UNKNOWN\n"
        for partition, nodes in PARTITIONS.items():
            text += f"PartitionName={partition} Nodes={nodes} Default={'YES' if partition == 'compute' else 'NO'} "
            text += "MaxTime=24:00:00 State=UP\n"
        (self.root / "slurm.conf").write_text(text)
        (self.root / "gres.conf").write_text("NodeName=g1 Name=gpu Type=t4 File=/dev/null\n")
        (self.root / "cgroup.conf").write_text("CgroupAutomount=no\n")
        (self.root / "state").mkdir()
        if self.accounting:
            database = self.root / "slurmdbd.conf"
            database.write_text(DATABASE.format(**facts))
            database.chmod(0o600)
            (self.root / "grants.sql").write_text(
                f"create database slurm; create user slurm@'127.0.0.1' identified by '{facts['password']}'; "
                "grant all on slurm.* to slurm@'127.0.0.1';"
            )
        SYSTEM.mkdir(exist_ok=True)
        for name in FILES:  # Snakemake's job step takes SLURM_CONF out of the environment: only this place is found
            if (SYSTEM / name).exists() and not (SYSTEM / name).is_symlink():
                raise RuntimeError(f"{SYSTEM / name} is a real file: this machine has a Slurm of its own")
            (SYSTEM / name).unlink(missing_ok=True)
            (SYSTEM / name).symlink_to(self.root / name)

    def _start_database(self) -> None:
        data, sock = self.root / "sql", self.root / "sql.socket"
        install = ["--no-defaults", "--user=root", f"--datadir={data}", "--skip-test-db"]
        _run(["mariadb-install-db", *install, "--auth-root-authentication-method=socket"])
        with (self.root / "mariadbd.log").open("wb") as said:
            self._database = subprocess.Popen(
                ["mariadbd", "--no-defaults", "--user=root", f"--datadir={data}", f"--socket={sock}",
                 f"--pid-file={self.root / 'mariadbd.pid'}", f"--port={self._ports['sql_port']}",
                 "--bind-address=127.0.0.1", "--innodb-buffer-pool-size=64M", "--innodb-lock-wait-timeout=900"],
                stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True,
            )  # fmt: skip
        client = ["--no-defaults", f"--socket={sock}"]
        _wait(lambda: _works(["mariadb-admin", *client, "ping"]), "mariadbd")
        _run(["mariadb", *client, "-e", (self.root / "grants.sql").read_text()])
        (SYSTEM / "slurmdbd.conf").unlink(missing_ok=True)
        (SYSTEM / "slurmdbd.conf").symlink_to(self.root / "slurmdbd.conf")
        _run(["slurmdbd"])
        _wait(lambda: _works(["sacctmgr", "-n", "-i", "list", "cluster"]), "slurmdbd")
        for what in ("cluster kilnscan", "account test Description=t Organization=t",
                     "user root account=test AdminLevel=Admin"):  # fmt: skip
            _works(["sacctmgr", "-i", "add", *what.split()])

    def _stop(self) -> None:
        if self._pid("slurmctld"):
            with suppress(subprocess.TimeoutExpired):
                subprocess.run(["scancel", "-u", "root"], capture_output=True, timeout=10, check=False)
            time.sleep(1)
        for name in (*NODES, "slurmctld", "slurmdbd", "mariadbd", "munged"):
            _end(self._pid(name))
        if self._database:
            self._database.wait()
        for name in (*FILES, "slurmdbd.conf"):
            link = SYSTEM / name
            if link.is_symlink() and link.readlink().parent == self.root:
                link.unlink()


@contextmanager
def slurm(accounting: bool = False, min_job_age: int = 300) -> Iterator[Slurm]:
    """A running Slurm until the block ends."""
    root = Path(tempfile.mkdtemp(prefix="ks-slurm-", dir="/tmp"))  # sockets need short names
    root.chmod(0o755)  # munge wants its folder so
    cluster = Slurm(root, accounting, min_job_age)
    try:
        cluster._start()
        yield cluster
    finally:
        cluster._stop()
        if not os.environ.get("KEEP_SLURM"):
            shutil.rmtree(root, ignore_errors=True)


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=120)


def _works(command: list[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False, timeout=60).returncode == 0


def _wait(ready: Callable[[], bool], what: str, seconds: float = 180) -> None:
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            raise RuntimeError(f"{what} did not get ready within {seconds:.0f} s")
        time.sleep(0.1)


def _end(pid: int | None) -> None:
    for sign in (signal.SIGTERM, signal.SIGKILL):
        if pid is None:
            return
        try:
            os.kill(pid, sign)
            for _ in range(100):
                os.kill(pid, 0)
                time.sleep(0.1)
        except ProcessLookupError:
            return


def _processes() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _holds(pid: int, path: str) -> bool:
    """Whether a process has a file open: a node's daemon and its steps hold the node's log."""
    with suppress(OSError):
        return any(os.readlink(link) == path for link in Path(f"/proc/{pid}/fd").iterdir())  # noqa: PTH115 (no real paths)
    return False


def _descendants(pid: int) -> list[int]:
    children: list[int] = []
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            children += [int(child) for child in (task / "children").read_text().split()]
    return [one for child in children for one in (child, *_descendants(child))]


def _free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()
