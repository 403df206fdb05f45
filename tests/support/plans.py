"""The query plans of a database, for queries that the code really sends."""

import json
import re
from collections.abc import Callable, Iterator

from django.db import connection
from django.test.utils import CaptureQueriesContext

_ASKED = ("SELECT", "UPDATE", "DELETE")
_SCANNED = re.compile(r"SCAN (\w+)(?! USING)")


def find_scans(act: Callable[[], object], tables: set[str]) -> list[tuple[str, str]]:
    """Return the queries of ``act`` that scan one of ``tables`` completely.

    Each comes with its table. The queries are explained afterwards, in the state that
    ``act`` left.
    """
    with CaptureQueriesContext(
        connection,
    ) as captured:
        act()
    found = []
    for query in captured.captured_queries:
        for statement in query["sql"].split("; SELECT "):
            sql = statement if statement.startswith(_ASKED) else f"SELECT {statement}"
            if query["sql"].startswith(_ASKED):
                scans = tables & set(_list_scans(sql))
                found += [(table, sql[:1500]) for table in sorted(scans)]
    return found


def _list_scans(sql: str) -> Iterator[str]:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("EXPLAIN (FORMAT JSON) " + sql.replace("%", "%%"), ())
            (plan,) = cursor.fetchone()
            if isinstance(plan, str):
                plan = json.loads(plan)
            yield from _walk(plan[0]["Plan"])
            return
        cursor.execute("EXPLAIN QUERY PLAN " + sql.replace("%", "%%"), ())
        names = _find_names(sql)
        for *_, detail in cursor.fetchall():
            if match := _SCANNED.match(detail):
                yield names.get(match[1], match[1])


def _walk(node: dict[str, object]) -> Iterator[str]:
    if node["Node Type"] == "Seq Scan":
        yield str(node["Relation Name"])
    below = node.get("Plans", [])
    assert isinstance(below, list)
    for child in below:
        yield from _walk(child)


def _find_names(sql: str) -> dict[str, str]:
    """Return the tables behind the short names of a query: ``U0`` and so on."""
    return {
        name: table for table, name in re.findall(r'"(servers_\w+)" (U\d+|T\d+)\b', sql)
    }
