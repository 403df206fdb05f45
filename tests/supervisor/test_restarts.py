"""The notes of what ended: written by the supervisor, taken once by the application."""

import os
from pathlib import Path

import pytest

from serverfleet.run.restarts import FOLDER, MAX_NOTES, leave_note, take_notes

pytestmark = pytest.mark.pure


def test_notes_are_taken_in_order_and_once(tmp_path: Path) -> None:
    leave_note(tmp_path, "the first")
    leave_note(tmp_path, "the second")
    assert [text for _, text in take_notes(tmp_path)] == ["the first", "the second"]
    assert list(take_notes(tmp_path)) == []


def test_a_note_whose_event_was_not_written_is_found_again(tmp_path: Path) -> None:
    leave_note(tmp_path, "the first")
    taking = take_notes(tmp_path)
    next(taking)
    taking.close()  # as an error in the caller's loop does
    assert [text for _, text in take_notes(tmp_path)] == ["the first"]


def test_two_take_no_note_twice(tmp_path: Path) -> None:
    leave_note(tmp_path, "the first")
    taking = take_notes(tmp_path)
    assert next(taking)[1] == "the first"
    assert list(take_notes(tmp_path)) == []
    taking.close()


def test_what_ends_for_hours_does_not_fill_the_disk(tmp_path: Path) -> None:
    for number in range(MAX_NOTES + 50):
        leave_note(tmp_path, str(number))
    assert len(os.listdir(tmp_path / FOLDER)) == MAX_NOTES


def test_a_folder_that_is_not_there_or_holds_rubbish_is_no_error(
    tmp_path: Path,
) -> None:
    assert list(take_notes(tmp_path)) == []
    leave_note(tmp_path / "missing", "nothing")
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "1-1.json").write_bytes(b"\xff{")
    assert [text for _, text in take_notes(tmp_path)] == [""]
