"""Rows written in the place of those with their primary keys."""

from typing import Any

from sqlalchemy import Insert
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler


class Upsert(Insert):
    """Inserts a row in the place of the one with its primary key, in the words of both databases.

    The dialects' own are compiled anew at every use, which takes longer than to write a few rows.
    """

    inherit_cache = True


@compiles(Upsert)
def _upsert(insert: Upsert, compiler: SQLCompiler, **how: Any) -> str:
    quote, table = compiler.preparer.quote, insert.table
    keys = ", ".join(quote(column.name) for column in table.primary_key)
    replaced = ", ".join(f"{quote(c.name)} = excluded.{quote(c.name)}" for c in table.columns)
    written = compiler.visit_insert(insert, **how)  # type: ignore[no-untyped-call]
    return f"{written} ON CONFLICT ({keys}) DO UPDATE SET {replaced}"
