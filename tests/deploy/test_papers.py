"""The deployment's papers say the same as the code, and as each other."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from deploy.cli.main import app
from shared.settings import Settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
PAPERS = ("Dockerfile", "compose.yaml", "env.example", "runbook.md")
OURS = "cagette-billing:${IMAGE_TAG:-latest}"
HOUSES = ("gateway", "training", "billing")
DOORS = ("gateway", "training")
SETTING = re.compile(r"\bCAGETTE_[A-Z_]+")
SETTINGS = {f"CAGETTE_{field.upper()}" for field in Settings.model_fields}
ELSEWHERE = re.compile(
    r"(?<![\w.-])(?:[\w-]+\.)+(?:io|com|org|net|dev|cloud)(?::\d+)?/"
    r"|(?<![\w.~-])/(?:root|home|work|Users)/"
)
"""A registry's host in front of a name, or a path of somebody's machine."""


def paper(name: str) -> str:
    return (DEPLOY / name).read_text(encoding="utf-8")


def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load(paper("compose.yaml"))["services"]
    return found


def our_services() -> dict[str, dict[str, Any]]:
    return {name: each for name, each in services().items() if each["image"] == OURS}


def variables(text: str) -> set[str]:
    """The variables that Docker Compose takes from the environment file."""
    return set(re.findall(r"(?<!\$)\$\{(\w+)", text))


def stages() -> list[list[tuple[str, str]]]:
    """The instructions of a Dockerfile, stage by stage."""
    lines = [line for line in paper("Dockerfile").splitlines() if not line.startswith("#")]
    whole = "\n".join(lines).replace("\\\n", " ")
    found: list[list[tuple[str, str]]] = [[]]
    for line in filter(None, whole.splitlines()):
        word, _, rest = line.partition(" ")
        if word == "FROM":
            found.append([])
        found[-1].append((word, rest.strip()))
    return found[1:]


def commands_in(text: str) -> list[list[str]]:
    """The `cagette …` commands of a text's shell blocks and of its backticks."""
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    lines += re.findall(r"(?<!`)`([^`\n]+)`", text)
    split = (shlex.split(line, comments=True) for line in lines if "cagette " in line)
    bare = ([w for w in words if not re.match(r"[A-Z_]+=", w)] for words in split)
    return [words[1:] for words in bare if words and words[0] == "cagette"]


def flaw(arguments: list[str]) -> str | None:
    """Why the `cagette` command refuses these arguments, if it does, without running them."""
    command: Any = typer.main.get_command(app)
    context, name = None, "cagette"
    while hasattr(command, "commands"):
        context = command.make_context(name, [], parent=context, resilient_parsing=True)
        name, *arguments = arguments
        if name not in command.commands:
            return f"there is no command {name}"
        command = command.commands[name]
    try:
        command.make_context(name, list(arguments), parent=context)
    except Exception as reason:
        return str(reason) or repr(reason)
    return None


def test_the_compose_file_has_a_door_for_who_is_asked_and_a_worker_for_each_house() -> None:
    told = {name: each.get("command") for name, each in our_services().items()}
    assert told == {
        "migrate": ["migrate"],
        **{house: ["serve", house] for house in DOORS},
        **{f"{house}-worker": ["work", house] for house in HOUSES},
    }


def test_what_a_container_is_told_to_run_is_a_command_of_the_product() -> None:
    assert stages()[-1][-2][1] == '["cagette"]'
    default = yaml.safe_load(stages()[-1][-1][1])
    for arguments in (default, *(each["command"] for each in our_services().values())):
        assert flaw(arguments) is None


def test_every_container_of_ours_is_the_one_image_that_the_dockerfile_builds() -> None:
    for each in our_services().values():
        assert each["build"] == {"context": "..", "dockerfile": "deploy/Dockerfile"}
    assert set(services()) - set(our_services()) == {"database", "kafka"}
    assert services()["database"]["image"] == "postgres:18"
    assert services()["kafka"]["image"] == "apache/kafka:4.3.1"


def test_every_container_has_a_limit_and_a_way_to_stop_and_ours_can_change_nothing() -> None:
    for name, each in services().items():
        assert {"cpus", "memory", "pids"} <= set(each["deploy"]["resources"]["limits"]), name
        assert "stop_grace_period" in each, name
        assert each["restart"] == ("no" if name == "migrate" else "unless-stopped"), name
    for name, each in our_services().items():
        assert each["read_only"], name
        assert each["cap_drop"] == ["ALL"], name
        assert each["stop_grace_period"] == "15s", name


def test_services_start_after_the_tables_are_made_and_doors_do_not_wait_for_kafka() -> None:
    for name, each in our_services().items():
        after = {other: how["condition"] for other, how in each["depends_on"].items()}
        assert after["database"] == "service_healthy", name
        assert (name == "migrate") == ("migrate" not in after), name
        assert (name in DOORS) == ("kafka" not in after), name


def test_a_door_is_looked_after_and_a_worker_is_not_asked_what_it_cannot_answer() -> None:
    assert "HEALTHCHECK" in dict(stages()[-1])
    for name, each in our_services().items():
        assert (name in DOORS) == ("healthcheck" not in each), name


def test_only_the_gateway_is_reached_from_outside_and_only_from_its_own_machine() -> None:
    published = {name: each["ports"] for name, each in services().items() if "ports" in each}
    assert published == {"gateway": ["127.0.0.1:${GATEWAY_PORT:-8080}:8080"]}
    networks = yaml.safe_load(paper("compose.yaml"))["networks"]
    assert networks["inside"] == {"internal": True}


def test_the_log_and_the_facts_outlive_their_containers() -> None:
    assert services()["database"]["volumes"] == ["database:/var/lib/postgresql"]
    assert services()["kafka"]["volumes"] == ["kafka:/var/lib/kafka/data"]
    assert services()["kafka"]["environment"]["KAFKA_LOG_DIRS"] == "/var/lib/kafka/data"


@pytest.mark.parametrize("name", PAPERS)
def test_a_paper_names_only_settings_that_the_product_reads(name: str) -> None:
    assert set(SETTING.findall(paper(name))) <= SETTINGS


def test_every_setting_of_the_product_is_explained_to_who_runs_it() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert set(SETTING.findall(readme + paper("env.example"))) >= SETTINGS


def test_a_container_finds_its_database_broker_key_and_neighbour() -> None:
    for name, each in our_services().items():
        environment = each["environment"]
        assert environment["CAGETTE_DATABASE_URL"].endswith("@database/cagette"), name
        assert environment["CAGETTE_KAFKA_BOOTSTRAP"] == "kafka:9092", name
        assert "CAGETTE_KEY" in environment, name
    for name in DOORS:
        environment = services()[name]["environment"]
        assert environment["CAGETTE_TRAINING_URL"] == "http://training:8080", name
        assert environment["CAGETTE_HOST"] == "0.0.0.0", name


def test_the_example_of_the_environment_file_has_all_that_compose_asks_for_and_no_secret() -> None:
    lines = re.findall(r"^(\w+)=(.*)$", paper("env.example"), re.MULTILINE)
    offered = dict(lines)
    assert set(offered) == variables(paper("compose.yaml"))
    wanted = set(re.findall(r"\$\{(\w+):\?", paper("compose.yaml")))
    assert {name for name, value in offered.items() if not value} == wanted


def test_the_defaults_of_compose_are_those_of_the_example_and_of_the_product() -> None:
    defaults = dict(re.findall(r"\$\{(\w+):-([^}]*)\}", paper("compose.yaml")))
    offered = dict(re.findall(r"^(\w+)=(.+)$", paper("env.example"), re.MULTILINE))
    assert offered == defaults
    for name, value in defaults.items():
        if name in SETTINGS:
            field = Settings.model_fields[name.removeprefix("CAGETTE_").lower()]
            assert value == str(field.default), name


@pytest.mark.parametrize("name", [*PAPERS, "../.dockerignore"])
def test_a_paper_names_no_registry_and_no_path_of_somebody_s_machine(name: str) -> None:
    assert not ELSEWHERE.findall(paper(name))


@pytest.mark.parametrize(
    "text", ["image: registry.example.com/x/y", "FROM a-b.example.com:5000/z", "cd /Users/anne"]
)
def test_a_registry_or_a_machine_would_be_noticed(text: str) -> None:
    assert ELSEWHERE.findall(text)


def test_the_image_does_not_run_as_root_and_is_built_apart_from_what_runs() -> None:
    build, *_, final = stages()
    users = [rest for word, rest in final if word == "USER"]
    assert users
    assert users[-1].split(":")[0] not in {"root", "0"}
    assert build != final
    assert any(word == "COPY" and rest.startswith("--from=build") for word, rest in final)


def test_the_image_has_only_what_the_lock_names_by_hash() -> None:
    build = " ".join(rest for word, rest in stages()[0] if word == "RUN")
    installs = re.findall(r"pip (?:--python \S+ )?(?:download|install)[^&]*", build)
    assert len(installs) == 3
    assert all("--require-hashes" in each or "--no-index" in each for each in installs)


def test_the_builder_gets_only_what_the_dockerfile_copies() -> None:
    copied = {part for word, rest in stages()[0] if word == "COPY" for part in rest.split()[:-1]}
    ignore = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert copied == {line[1:] for line in ignore if line.startswith("!")}
    assert "*" in ignore
    assert all((ROOT / each).exists() for each in copied)


def test_every_command_of_the_runbook_is_one_that_the_product_has() -> None:
    quoted = commands_in(paper("runbook.md"))
    assert len(quoted) > 10
    assert {shlex.join(words): flaw(words) for words in quoted if flaw(words)} == {}


@pytest.mark.parametrize(
    "line",
    ["cagette mend", "cagette status --jsn", "cagette close 2024-13", "cagette facts mend"],
)
def test_a_command_that_the_product_lacks_would_be_noticed(line: str) -> None:
    (words,) = commands_in(f"```sh\nIMAGE_TAG=NEW {line}  # why\n```\n")
    assert flaw(words)


def test_the_runbook_takes_every_trouble_from_the_symptom_to_the_proof() -> None:
    _, *pages = re.split(r"^## ", paper("runbook.md"), flags=re.MULTILINE)
    titles = [page.splitlines()[0] for page in pages]
    assert titles == [
        "Start",
        "Stop",
        "Upgrade",
        "Back up",
        "Restore",
        "Lag",
        "The disk is full",
        "A month is half closed",
        "A wrong tariff was published",
        "The broker is away",
        "A topic is lost",
        "Is it what the log says?",
        "The database is away",
        "A fact is parked",
        "Rotate a key",
        "A webhook fails",
        "A person asks to be forgotten",
    ]
    for page in pages:
        places = [page.find(f"**{step}.**") for step in ("Symptom", "Look", "Do", "Verify")]
        assert -1 not in places, page.splitlines()[0]


def test_the_runbook_speaks_of_services_that_there_are() -> None:
    spoken = re.findall(r"^dc (?:stop|logs|ps|up|exec) ?(.*)$", paper("runbook.md"), re.MULTILINE)
    named = {w for line in spoken for w in line.split() if w.endswith("-worker")}
    named |= set(re.findall(r"\bdc exec -T (\w+)", paper("runbook.md")))
    assert named
    assert named <= set(services())
