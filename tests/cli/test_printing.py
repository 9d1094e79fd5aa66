from __future__ import annotations

import json
import math

import numpy as np
import pytest

from retouch.cli.printing import Printing, json_line, one_line


def test_json_is_strict_whatever_an_edit_reports() -> None:
    facts = {
        "residual": math.nan,
        "bound": math.inf,
        "cycles": np.int64(3),
        "error": np.float32(0.5),
        "sizes": (1.5, -math.inf),
        "path": Printing,
    }
    line = json_line(facts)
    assert "\n" not in line
    found = json.loads(line, parse_constant=pytest.fail)
    assert found == {
        "residual": None,
        "bound": None,
        "cycles": 3,
        "error": 0.5,
        "sizes": [1.5, None],
        "path": str(Printing),
    }


def test_a_message_is_one_line_without_control_characters() -> None:
    assert one_line("two\n  lines\x1b[2J\x00 é ×") == r"two lines\x1b[2J\x00 é ×"


def test_options_after_two_hyphens_are_file_names() -> None:
    assert Printing.asked_in(["blend", "--json", "--", "--debug"]) == Printing(json=True)
