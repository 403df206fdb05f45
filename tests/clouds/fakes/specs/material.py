"""The folder with the clouds' descriptions and recordings."""

import json
import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest


def find_material(cloud: str) -> Path | None:
    """Return a cloud's folder, or None if there is none."""
    named = os.environ.get("CLOUD_MATERIAL")
    folder = Path(named) / cloud if named else None
    return folder if folder is not None and folder.is_dir() else None


def need_material(cloud: str) -> Path:
    """Return a cloud's folder, or skip the test."""
    folder = find_material(cloud)
    if folder is None:
        pytest.skip(f"CLOUD_MATERIAL names no folder with a description of {cloud}")
    return folder


@lru_cache(maxsize=16)
def load_json(path: Path) -> Any:
    """Return a file's JSON value."""
    return json.loads(path.read_text(encoding="utf-8"))


def load_spec(cloud: str) -> Any:
    """Return a cloud's description, or None."""
    folder = find_material(cloud)
    return load_json(folder / "spec.json") if folder is not None else None
