"""What an instance reports is text of a stranger, and costs no more than its length."""

import time
from typing import Final

import pytest

from servers.machine.callback.texts import clean_log, list_secrets

pytestmark = pytest.mark.pure

# As much as a report or a template can have. What takes seconds here is quadratic.
SIZE: Final = 64 * 1024
MOST_SECONDS: Final = 0.5
BUSY: Final = (
    "a",
    "-",
    "--a",
    "a\r",
    "\x1b[0",
    "\x1b]",
    "-----BEGIN ",
    "-----END ",
    "://a:",
    "A\n",
    "secret",
    "token= ",
    "passw='",
    "--key",
    "--key ",
    " ",
)


@pytest.mark.parametrize("part", BUSY)
def test_a_text_takes_no_longer_than_its_length_allows(part: str) -> None:
    text = part * (SIZE // len(part))
    began = time.process_time()
    clean_log(text)
    list_secrets("", "", [text])
    assert time.process_time() - began < MOST_SECONDS


def test_of_a_line_that_is_written_over_the_last_state_is_kept() -> None:
    log = "a\r\nPull  1%\rPull 99%\rPulled\r\nnext\r\r\n10%\r20%"
    assert clean_log(log) == "a\nPulled\nnext\n20%"


def test_values_are_hidden_whose_name_says_that_they_are_secret() -> None:
    text = (
        'my_SECRET_token.x = "value-1"\n'
        "DB_PASSWORD: value-2\n"
        "curl --reg-token  value-3 --registry value-4 --a-long-secret-key 'value 5'\n"
        f"{'x' * 500}api_key='value-6'; keyboard=value-7\n"
    )
    assert list_secrets("", "", [text]) == {
        "value-1",
        "value-2",
        "value-3",
        "value 5",
        "value-6",
    }
