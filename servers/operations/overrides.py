"""What a request can choose instead of the template's, as far as that allows.

User data and the permissions of an instance profile go to the image that is started. So
people who can create servers must not be free to choose the image.
"""

from collections.abc import Iterable, Sequence

from servers.errors import InvalidError
from servers.models import Template, TemplateVersion
from servers.models.template import Recipe
from servers.placing.placements import Candidate


def check_overrides(
    recipe: Template | TemplateVersion,
    candidates: Sequence[Candidate],
    *,
    image: str = "",
    region: str = "",
    size: str = "",
) -> None:
    """Raise InvalidError if ``recipe`` does not allow the image, region or size.

    *listed* allows the values of the template or one of its fallbacks; all given values
    must be from the same one, and a region must be in the template's own account. Empty
    values mean the template's own.
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
        return f"The template {name} does not allow choosing the {field}. Leave it out."
    return (
        f"The template {name} allows only {', '.join(known)}. Use one of these, or "
        "ask an admin to allow others in the template."
    )
