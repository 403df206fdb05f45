"""Pages that add or change one row: only once, and never over another change."""

from typing import Any, ClassVar, TypeVar

from django.contrib import messages
from django.db import transaction
from django.db.models import Model
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.views.generic import FormView

from servers.access.reach import reach_rows
from servers.dashboard.shared.access import Page, find_next
from servers.dashboard.shared.messages import REPEATED
from servers.errors import FleetError

_Row = TypeVar("_Row", bound=Model)


class Once(Page, FormView):  # type: ignore[type-arg]
    """A page with a OnceForm; ``listing`` names the URL to which a repetition leads."""

    listing: ClassVar[str]
    repeated: ClassVar[str] = REPEATED

    def carry_out(self, form: Any) -> HttpResponse:
        """Do what the form asks for, or raise a FleetError."""
        raise NotImplementedError

    def refuse(self, form: Any, error: FleetError) -> None:
        """Show the errors, each at its field."""
        form.refuse(error)

    def form_valid(self, form: Any) -> HttpResponse:
        """Do it, unless it was done before."""
        if form.is_repeated():
            messages.info(self.request, self.repeated)
            return redirect(self.listing)
        try:
            return self.carry_out(form)
        except FleetError as error:
            self.refuse(form, error)
            return self.form_invalid(form)


class Edit(Once):
    """A page with a form for one row: a OnceForm with ``is_stale`` and ``see``.

    ``page`` is the URL name of a row's own page, ``listing`` that of the list.
    """

    page: ClassVar[str]

    def find_current(self) -> Any:
        """Return the row to change, or None for a new one."""
        raise NotImplementedError

    def save(self, form: Any, current: Any) -> Any:
        """Save the form in the caller's transaction, and return the row."""
        raise NotImplementedError

    def form_invalid(self, form: Any) -> HttpResponse:
        """Show the form again, at the first field with an error."""
        form.focus_error()
        return super().form_invalid(form)

    def carry_out(self, form: Any) -> HttpResponse:
        """Save it, unless somebody else changed the row."""
        saved = self._save_fresh(form)
        if saved is None:
            form.forget()
            return self.form_invalid(form)
        messages.success(self.request, f"{saved.name} was saved.")
        back = find_next(self.request)
        return redirect(back) if back else redirect(self.page, saved.name)

    def _save_fresh(self, form: Any) -> Any:
        with transaction.atomic():
            current = self.find_current()
            if current is not None:
                # If two people save at once, the second sees the first one's change.
                current = lock_row(current)
                if form.is_stale(current):
                    form.see(current)
                    return None
            return self.save(form, current)


def lock_row(row: _Row) -> _Row:
    """Return a row as it is now, locked until the transaction ends, or Http404."""
    found = (
        reach_rows(type(row)).select_for_update(no_key=True).filter(pk=row.pk).first()
    )
    if found is None:
        raise Http404(f"Someone has deleted {row}, so nothing was done.")
    return found
