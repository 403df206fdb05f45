"""What a request may choose besides its template: as far as the template allows it.

User data and the rights of an instance profile go to whatever image is started. So
who may create servers must not choose freely what they are handed to.
"""

from collections.abc import Iterable, Sequence

from servers.candidates import Candidate
from servers.errors import InvalidError
from servers.models import Template, TemplateVersion
from servers.models.template import Recipe


def check_overrides(
    recipe: Template | TemplateVersion,
    candidates: Sequence[Candidate],
    *,
    image: str = "",
    region: str = "",
    size: str = "",
) -> None:
    """Raise InvalidError where image, region or size is none that ``recipe`` allows.

    *listed* allows what the template or one of its fallbacks names, all that is given
    in the same one; a region only of the template's own account. Empty is the
    template's own.
    """
    if recipe.overrides == Recipe.Overrides.ANY:
        return
    if recipe.overrides == Recipe.Overrides.NONE:
        candidates = candidates[:1]
    errors = {}
    if image and image != recipe.image:
        errors["image"] = _explain(recipe, "image", [recipe.image])
    if region:
        candidates = [each for each in candidates if each.account == recipe.account]
        regions = [each.region for each in candidates]
        candidates = [each for each in candidates if each.region == region]
        if not candidates:
            errors["region"] = _explain(recipe, "region", regions)
    sizes = [each.size for each in candidates]
    if size and sizes and size not in sizes:
        errors["size"] = _explain(recipe, "size", sizes)
    if errors:
        name, message = next(iter(errors.items()))
        raise InvalidError(
            f"{name}: {message}",
            fields={field: [text] for field, text in errors.items()},
        )


def _explain(
    recipe: Template | TemplateVersion, field: str, allowed: Iterable[str]
) -> str:
    name = recipe.name if isinstance(recipe, Template) else recipe.template_name
    known = [value for value in dict.fromkeys(allowed) if value]
    if not known:
        return f"The template {name} allows no {field}. Leave it out."
    return (
        f"The template {name} allows only {', '.join(known)}. Use that, or "
        "ask an admin to allow others in the template."
    )
