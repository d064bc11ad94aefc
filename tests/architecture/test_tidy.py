"""Rules that every file of the product keeps. Each check comes with a sample that it catches."""

import ast
import gzip
import re
import subprocess
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).parents[2]
PRODUCT = ("deploy", "services", "shared")
PURE = re.compile(r"services/\w+/domain/|shared/kernel/")

POCKETS = ("utils", "helpers", "manager", "common", "misc")
"""Names that say nothing of what is inside."""

PURE_LIBRARY = {
    "calendar", "collections", "dataclasses", "datetime", "decimal", "enum", "fractions",
    "functools", "itertools", "operator", "re", "typing", "uuid", "zoneinfo",
}  # fmt: skip
"""What a domain may import of the standard library: no I/O, no clock, no chance."""

LAYOUT = re.compile(
    r"""
    deploy/(__init__|(backup|bench|cli|client|local|sandbox|subscriber)/\w+)
    | services/(__init__|(billing|gateway|training)/(
          __init__ | main | application | publishing
        | (domain|use_cases|views|adapters|api)/\w+
        | policies/(__init__|from_(billing|gateway|training))
      ))
    | shared/(__init__|settings|(kernel|facts|asks|eventstore|messaging|vault|web)/\w+)
    | tests/(__init__|conftest
        | (architecture|journeys|reliability|simulation|support)/[\w/]+
        | (billing|gateway|training|shared|deploy)/[\w/]+)
    """,
    re.VERBOSE,
)

HOSTS = re.compile(
    "|".join(
        re.escape(".".join(parts))
        for parts in (
            ("pypi", "org"),
            ("pythonhosted", "org"),
            ("npmjs", "org"),
            ("maven", "org"),
            ("maven", "apache", "org"),
            ("docker", "io"),
            ("docker", "com"),
            ("ghcr", "io"),
            ("quay", "io"),
            ("crates", "io"),
        )
    )
)
MACHINE = re.compile(r"(?<![\w.~-])/(" + "|".join(("work", "root", "home")) + r")/")
LATER = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X")) + r")\b")


@cache
def tracked() -> tuple[str, ...]:
    """Every file that is, or is about to be, in the repository."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return tuple(sorted(name for name in said.split("\0") if name and (ROOT / name).is_file()))


def modules(*folders: str) -> list[str]:
    """The Python files below some folders."""
    return [n for n in tracked() if n.endswith(".py") and n.partition("/")[0] in folders]


def content(name: str) -> str:
    """The text in a file, unpacked if it is packed; bytes that are not text are left out."""
    raw = (ROOT / name).read_bytes()
    if name.endswith(".gz"):
        raw = gzip.decompress(raw)
    return raw.decode("utf-8", "ignore")


Function = ast.FunctionDef | ast.AsyncFunctionDef


def long_functions(source: str, limit: int) -> list[str]:
    """Functions of more lines than the limit."""
    return [
        f"{node.name} has {lines} lines"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, Function)
        and (lines := (node.end_lineno or 0) - node.lineno + 1) > limit
    ]


def too_long(source: str, limit: int) -> list[str]:
    """The file, if it has more lines than the limit."""
    lines = len(source.splitlines())
    return [f"{lines} lines"] if lines > limit else []


def inexact(source: str) -> list[str]:
    """Floats, round() and true divisions."""
    found = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Constant(value=float() | complex()):
                found.append(f"line {node.lineno}: the number {node.value!r}")
            case ast.Name(id="float" | "round" | "complex"):
                found.append(f"line {node.lineno}: {node.id}")
            case ast.BinOp(op=ast.Div()) | ast.AugAssign(op=ast.Div()):
                found.append(f"line {node.lineno}: a true division")
    return found


def clock_or_chance(source: str) -> list[str]:
    """Readings of the clock, random numbers and random ids."""
    calls = {"now", "today", "utcnow", "time", "monotonic", "time_ns", "uuid1", "uuid4"}
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            last = name.rpartition(".")[2]
            if (last in calls) or name.partition(".")[0] in ("time", "random", "secrets"):
                found.append(f"line {node.lineno}: {name}()")
    return found


def strangers(source: str) -> list[str]:
    """Imports that a domain has no use for."""
    known = {"services", "shared", *PURE_LIBRARY}
    return [name for name in imported(source) if name.partition(".")[0] not in known]


def imported(source: str) -> Iterator[str]:
    """The names of what a module imports."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "."


LOOKS_UP = ("importlib.util", "importlib.metadata")
"""Modules that find a wheel's binaries and the installed version, and import nothing."""


def by_name(source: str) -> list[str]:
    """Imports by name, which no linter of imports sees."""
    calls = [ast.unparse(n.func) for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Call)]
    named = {"__import__", "exec", "eval"} & set(calls)
    return sorted(named) + [
        name for name in imported(source) if name.startswith("importlib") and name not in LOOKS_UP
    ]


def swallowed(source: str) -> list[str]:
    """Handlers of every exception that go on as if nothing had happened."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ExceptHandler):
            caught = ast.unparse(node.type) if node.type else "everything"
            whole = re.search(r"\b(everything|Exception|BaseException)\b", caught)
            if whole and not any(isinstance(n, ast.Raise) for n in ast.walk(node)):
                found.append(f"line {node.lineno}: {caught} is caught and not raised")
    return found


def undocumented(source: str) -> list[str]:
    """Public modules, classes, functions and methods without a docstring."""
    found = [] if ast.get_docstring(ast.parse(source)) else ["the module"]
    todo: list[ast.Module | ast.ClassDef] = [ast.parse(source)]
    while todo:
        for node in todo.pop().body:
            if not isinstance(node, Function | ast.ClassDef) or node.name.startswith("_"):
                continue
            if not ast.get_docstring(node):
                found.append(f"line {node.lineno}: {node.name}")
            if isinstance(node, ast.ClassDef):
                todo.append(node)
    return found


def later(source: str) -> list[str]:
    """Work that was put off."""
    return [match.group() for match in LATER.finditer(source)]


def machine(text: str) -> list[str]:
    """Hosts of registries, and absolute paths of the machine this was written on."""
    return [match.group() for rule in (HOSTS, MACHINE) for match in rule.finditer(text)]


def pocket(name: str) -> list[str]:
    """Rooms and modules whose name says nothing."""
    return [part for part in PurePosixPath(name).with_suffix("").parts if part in POCKETS]


def misplaced(name: str) -> list[str]:
    """A Python file for which the layout of the houses has no room."""
    return [] if LAYOUT.fullmatch(name.removesuffix(".py")) else [name]


Check = Callable[[str], list[str]]


def faults(names: list[str], check: Check) -> dict[str, list[str]]:
    """What a check finds in files, by name; nothing when all is well."""
    found = {name: check(content(name)) for name in names}
    return {name: what for name, what in found.items() if what}


def test_functions_and_files_of_the_product_are_short() -> None:
    assert faults(modules(*PRODUCT), lambda source: long_functions(source, 40)) == {}
    assert faults(modules(*PRODUCT), lambda source: too_long(source, 250)) == {}


def test_functions_and_files_of_the_tests_are_short() -> None:
    assert faults(modules("tests"), lambda source: long_functions(source, 60)) == {}
    assert faults(modules("tests"), lambda source: too_long(source, 400)) == {}


def test_no_room_and_no_module_has_a_name_that_says_nothing() -> None:
    assert [name for name in modules(*PRODUCT, "tests") if pocket(name)] == []


def test_money_is_never_inexact() -> None:
    pure = [name for name in modules(*PRODUCT) if PURE.match(name)]
    assert len(pure) > 10
    assert faults(pure, inexact) == {}


def test_the_domain_knows_neither_clock_nor_chance() -> None:
    pure = [name for name in modules(*PRODUCT) if PURE.match(name)]
    assert faults(pure, clock_or_chance) == {}


def test_the_domain_imports_nothing_strange() -> None:
    pure = [name for name in modules(*PRODUCT) if PURE.match(name)]
    for foundation in ("aggregate", "value"):
        pure.remove(f"shared/kernel/{foundation}.py")
    assert faults(pure, strangers) == {}
    found = strangers(content("shared/kernel/aggregate.py"))
    assert found == ["copy", "eventsourcing.domain", "eventsourcing.utils"]


def test_nothing_is_imported_by_name_but_the_modules_of_the_commands() -> None:
    found = faults(modules(*PRODUCT), by_name)
    assert found == {"deploy/cli/commands.py": ["importlib"]}


def test_nothing_is_put_off_in_a_comment() -> None:
    assert faults(modules(*PRODUCT, "tests"), later) == {}


def test_no_exception_is_caught_to_go_on() -> None:
    found = faults(modules(*PRODUCT), swallowed)
    handed_on = found.pop("shared/messaging/asking.py")
    assert len(handed_on) == 2, "a refusal and a failed commit, which `Turn.raise_error` raises"
    assert found == {}


def test_everything_public_says_what_it_is() -> None:
    assert faults(modules(*PRODUCT), undocumented) == {}


def test_no_file_names_a_registry_or_a_folder_of_this_machine() -> None:
    assert faults(list(tracked()), machine) == {}


def test_modules_lie_only_where_the_house_has_rooms() -> None:
    assert [name for name in tracked() if name.endswith(".py") and misplaced(name)] == []


def test_every_room_is_a_package_and_none_is_empty() -> None:
    rooms: dict[str, set[str]] = {}
    for name in modules(*PRODUCT, "tests"):
        path = PurePosixPath(name)
        rooms.setdefault(str(path.parent), set()).add(path.name)
    assert [room for room, files in rooms.items() if "__init__.py" not in files] == []
    inner = [room for room in rooms if re.match(r"services/\w+/|shared/", room)]
    assert [room for room in inner if rooms[room] == {"__init__.py"}] == []


LONG = "def f():\n" + "    x = 1\n" * 40

SAMPLES: list[tuple[Check, str, str]] = [
    (lambda s: long_functions(s, 40), LONG, LONG.removesuffix("    x = 1\n")),
    (lambda s: long_functions(s, 40), LONG.replace("def", "async def"), "x = 1\n" * 50),
    (lambda s: too_long(s, 250), "x = 1\n" * 251, "x = 1\n" * 250),
    (inexact, "rate = 0.06", "rate_bp = 600"),
    (inexact, "x = float(cents)", "x = int(cents)"),
    (inexact, "def f(cents: float): ...", "def f(cents: int): ..."),
    (inexact, "x = round(cents)", "x = half_up(cents, 2)"),
    (inexact, "x = cents / 2", "x = cents // 2"),
    (inexact, "cents /= 2", "cents //= 2"),
    (inexact, "x = 1e3", "x = 1_000"),
    (clock_or_chance, "x = datetime.now(UTC)", "x = datetime.min"),
    (clock_or_chance, "x = datetime.date.today()", "x = date.fromisoformat(y)"),
    (clock_or_chance, "x = time.time()", "x = at.time"),
    (clock_or_chance, "x = random.choice(y)", "x = choice"),
    (clock_or_chance, "x = uuid4()", "x = uuid5(a, b)"),
    (strangers, "import urllib.request", "from shared.kernel.money import share"),
    (strangers, "from io import StringIO", "from datetime import date"),
    (by_name, "from importlib import import_module", "import typing"),
    (by_name, "x = __import__('services.gateway')", "import services.gateway"),
    (later, "x = 1  # TO" + "DO: mend", "x = 1  # to do is to be"),
    (later, "# FIX" + "ME", "# fixed"),
    (swallowed, "try: f()\nexcept Exception: pass", "try: f()\nexcept Refusal: pass"),
    (swallowed, "try: f()\nexcept: x = 1", "try: f()\nexcept Exception: raise"),
    (
        swallowed,
        "try: f()\nexcept (Refusal, BaseException) as e: log(e)",
        "try: f()\nexcept Exception as e:\n    raise Refusal from e",
    ),
    (undocumented, '"""M."""\ndef f(): ...', '"""M."""\ndef _f(): ...'),
    (undocumented, "x = 1", '"""M."""\nx = 1'),
    (undocumented, '"""M."""\nclass C: ...', '"""M."""\nclass C:\n    """C."""'),
    (
        undocumented,
        '"""M."""\nclass C:\n    """C."""\n    def m(self): ...',
        '"""M."""\nclass C:\n    """C."""\n    def m(self):\n        """M."""',
    ),
    (machine, "https://" + "pypi" + ".org/simple", "https://cagette.example/simple"),
    (machine, "FROM docker" + ".io/library/python", "FROM python"),
    (machine, 'open("/wo' + 'rk/main/x")', 'open(folder / "work" / "x")'),
    (machine, "PATH=/ro" + "ot/bin", "PATH=/usr/bin"),
    (machine, "cd /ho" + "me/me", "cd ~/me"),
    (pocket, "services/billing/domain/utils.py", "services/billing/domain/words.py"),
    (pocket, "shared/helpers/__init__.py", "shared/kernel/__init__.py"),
    (misplaced, "services/billing/queries.py", "services/billing/publishing.py"),
    (misplaced, "services/billing/queries/fees.py", "services/billing/views/fees.py"),
    (misplaced, "services/billing/policies/rules.py", "services/billing/policies/from_gateway.py"),
    (misplaced, "services/stock/main.py", "services/training/main.py"),
    (misplaced, "shared/money.py", "shared/kernel/money.py"),
    (misplaced, "scripts/mend.py", "deploy/cli/main.py"),
]


@pytest.mark.parametrize("number", range(len(SAMPLES)))
def test_each_check_catches_its_sample_and_lets_the_right_way_pass(number: int) -> None:
    check, bad, good = SAMPLES[number]
    assert check(bad), bad
    assert check(good) == [], good
