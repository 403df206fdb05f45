"""Statements that Django compiles once. After that, they only get their values.

A create takes some twenty statements. To build and compile each of them anew takes five
to ten times the CPU that the database needs, and meanwhile the step holds its account's
row, or SQLite's one write lock, for which all other creates wait. So the statements of
a create are compiled once in each process (docs/decisions/0080-prepared-statements.md).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from functools import cached_property, reduce
from operator import or_
from types import SimpleNamespace
from typing import Any, Final

from django.core.exceptions import EmptyResultSet, ObjectDoesNotExist
from django.db import connection, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import AutoField, Expression, Field, Model, Q, QuerySet
from django.db.models.constants import OnConflict
from django.db.models.sql import InsertQuery, UpdateQuery
from django.db.models.sql.compiler import SQLCompiler

_Row = tuple[Any, ...]
_MAX_LENGTH: Final = 10
# Before slots of new values, since slots of the condition may have the same names.
_NEW: Final = "new "


class Slot(Expression):
    """The place of a value that each call gives, converted as for ``field``."""

    def __init__(self, name: str, field: "Field[Any, Any]") -> None:
        super().__init__(output_field=field)
        self.name = name

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper
    ) -> tuple[str, Any]:
        """Return the placeholder, with this slot as its parameter."""
        return "%s", (self,)


Slots = Callable[..., Any]
_Compiled = tuple["QuerySet[Any, Any]", SQLCompiler, str, _Row]
_Lengths = tuple[tuple[str, int], ...]


class Prepared:
    """A queryset of one model that is compiled when it is first used.

    ``build`` gets a function that returns the slot of a name, for the field of that
    name or of its second argument. For a value that is a list, it returns a list of
    slots, which is compiled once for each length. If a list is longer than
    ``_MAX_LENGTH``, it returns all values themselves, and nothing is kept. As in
    SQL, None in a slot equals nothing. A choice that changes the SQL needs a Prepared
    of its own.
    """

    def __init__(
        self, model: type[Model], build: Callable[[Slots], "QuerySet[Any, Any]"]
    ) -> None:
        self._model = model
        self._build = build
        self._reads: dict[_Lengths, _Compiled | None] = {}
        self._updates: dict[_Row, tuple[str, _Row]] = {}

    def read(self, **given: Any) -> list[Any]:
        """Return what the queryset yields: models, or tuples of ``values_list``."""
        lengths = tuple(
            (name, len(value))
            for name, value in given.items()
            if isinstance(value, list)
        )
        if any(length > _MAX_LENGTH for _, length in lengths):
            return list(self._build(lambda name, _="": given[name]))
        if lengths not in self._reads:
            self._reads[lengths] = self._compile_read(dict(lengths))
        compiled = self._reads[lengths]
        if compiled is None:
            return []
        rows, compiler, sql, params = compiled
        if rows.query.select_for_update and connection.get_autocommit():
            raise transaction.TransactionManagementError("No lock lasts here.")
        for name, length in lengths:
            values = given[name]
            given |= {f"{name} {number}": values[number] for number in range(length)}
        filled = sql, _fill(params, given)

        def get_compiler(using: str, **_: Any) -> SQLCompiler:
            found = copy(compiler)
            found.connection = connections[using]
            vars(found)["as_sql"] = lambda *_, **__: filled
            return found

        filled_rows = rows.all()
        vars(filled_rows.query)["get_compiler"] = get_compiler
        return list(filled_rows)

    def get(self, **given: Any) -> Any:
        """Return the first that the queryset yields, or raise the model's error."""
        for found in self.read(**given):
            return found
        missing: type[ObjectDoesNotExist] = vars(self._model)["DoesNotExist"]
        raise missing

    def update(self, values: Mapping[str, Any], **given: Any) -> int:
        """Write ``values`` on the rows, and return how many there are.

        A value can be an expression. What changes in it has to be a slot, since it is
        compiled once, too.
        """
        shape = tuple(
            (name, value) if _is_expression(value) else name
            for name, value in values.items()
        )
        if shape not in self._updates:
            self._updates[shape] = self._compile_update(values)
        given |= {_NEW + name: value for name, value in values.items()}
        with _executed(*self._updates[shape], given) as cursor:
            return int(cursor.rowcount)

    def _compile_read(self, lengths: Mapping[str, int]) -> "_Compiled | None":
        def slot(name: str, field: str = "") -> Any:
            if name not in lengths:
                return self._slot(name, field)
            return [
                self._slot(f"{name} {number}", field or name)
                for number in range(lengths[name])
            ]

        rows = self._build(slot)
        compiler = rows.query.get_compiler(connection=connection)
        try:
            return rows, compiler, *compiler.as_sql()
        except EmptyResultSet:  # nothing is in an empty list
            return None

    def _compile_update(self, values: Mapping[str, Any]) -> tuple[str, _Row]:
        query: Any = self._build(self._slot).query.chain(UpdateQuery)
        query.add_update_values(
            {
                name: value if _is_expression(value) else self._slot(_NEW + name, name)
                for name, value in values.items()
            }
        )
        sql, params = query.get_compiler(connection=connection).as_sql()
        return sql, params

    def _slot(self, name: str, field: str = "") -> Slot:
        found: Any = self._model._meta.get_field(field or name)
        return Slot(name, found)


def among(field: str, given: Sequence[Any]) -> Q:
    """Return the condition that a field has one of some values, or slots for them.

    Django's ``in`` takes no expressions for a foreign key.
    """
    if any(isinstance(each, Slot) for each in given):
        return reduce(or_, (Q(**{field: each}) for each in given))
    return Q(**{f"{field}__in": given})


class PreparedInsert:
    """An insert of one row of a model. Fields with a database default get that.

    With ``ignore``, a row that is there already stays as it is.
    """

    def __init__(self, model: type[Model], *, ignore: bool = False) -> None:
        self._model = model
        self._ignore = ignore

    def run(self, row: Model) -> bool:
        """Insert the row, and tell whether it is new. If so, the object has its key."""
        sql, params = self._insert
        values = {
            field.attname: field.pre_save(row, add=True) for field in self._fields
        }
        with _executed(sql, params, values) as cursor:
            found = cursor.fetchone()
        if found is None:
            return False
        row.pk = found[0] if self._has_serial else row.pk
        state = row._state  # noqa: SLF001
        state.adding, state.db = False, connection.alias
        return True

    @cached_property
    def _has_serial(self) -> bool:
        return isinstance(self._model._meta.pk, AutoField)

    @cached_property
    def _fields(self) -> "list[Field[Any, Any]]":
        return [
            field
            for field in self._model._meta.local_concrete_fields
            if not field.has_db_default()
            and not (field.primary_key and self._has_serial)
        ]

    @cached_property
    def _insert(self) -> tuple[str, _Row]:
        query = InsertQuery(
            self._model, on_conflict=OnConflict.IGNORE if self._ignore else None
        )
        slots = {field.attname: Slot(field.attname, field) for field in self._fields}
        row: Any = SimpleNamespace(**slots)
        query.insert_values(self._fields, [row], raw=True)
        compiler = query.get_compiler(connection=connection)
        compiler.returning_fields = [self._model._meta.pk]
        ((sql, params),) = compiler.as_sql()
        return sql, params


def _is_expression(value: object) -> bool:
    return hasattr(value, "resolve_expression")


@contextmanager
def _executed(
    sql: str, params: Iterable[Any], given: Mapping[str, Any]
) -> Iterator[Any]:
    """Run a statement, and give its cursor."""
    with (
        transaction.mark_for_rollback_on_error(connection.alias),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql, _fill(params, given))
        yield cursor


def _fill(params: Iterable[Any], given: Mapping[str, Any]) -> _Row:
    return tuple(
        param.field.get_db_prep_save(given[param.name], connection)
        if isinstance(param, Slot)
        else param
        for param in params
    )
