"""Which module has which command, each imported when its command is first asked for.

A command loads what it needs and nothing else: a worker loads no HTML, only `bench` the benches.
`cagette --help` and shell completion load them all.
"""

import gc
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

MODULES = {
    "demo": "demo",
    "serve": "serving",
    "work": "serving",
    "import": "telling",
    "payout": "asking",
    "close": "asking",
    "remind": "asking",
    "export": "exporting",
    "forget": "forgetting",
    "migrate": "operating",
    "verify": "verifying",
    "backup": "backups",
    "restore": "backups",
    "status": "status",
    "stream": "streams",
    "bench": "bench",
    "tariff": "tariffs",
    "parked": "parked",
    "relay": "relaying",
    "topics": "relaying",
    "replay": "replaying",
    "keys": "keys",
    "webhooks": "webhooks",
    "services": "services",
    "facts": "treaty",
}
"""The module by command, in the order of `--help`."""


class Commands(Mapping[str, Any]):
    """The commands by name."""

    def __init__(self) -> None:
        self._loaded: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._loaded:
            app = typer.Typer()
            import_module(f"deploy.cli.{MODULES[name]}").register(app)
            self._loaded.update(typer.main.get_group(app).commands)
            gc.freeze()  # it stays: scanning it for garbage takes a tenth of a rebuild
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(MODULES)

    def __len__(self) -> int:
        return len(MODULES)


class CommandGroup(TyperGroup):
    """`cagette`, whose commands are loaded as needed."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{**settings, "commands": Commands()})
