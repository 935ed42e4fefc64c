"""What strangers are told: the same pairs as the front end's reports."""

from __future__ import annotations

import json

import pytest

from jupyter_gpu_containers.model.redaction import HIDDEN, redacted, redacted_data
from tests.conftest import ROOT

PAIRS = json.loads(
    (ROOT / "labextension" / "src" / "__tests__" / "redaction.json").read_text("utf-8")
)


@pytest.mark.parametrize(("text", "shown"), PAIRS)
def test_as_in_the_front_end(text: str, shown: str) -> None:
    assert redacted(text) == shown
    assert redacted(shown) == shown


def test_data() -> None:
    data = {
        "user": "ada",
        "registry_token": "short",
        "tokens": 3,
        "paths": ["/home/ada/x", "Canada", "made by ada."],
        "deep": {"note": "password=pw", "none": None, "on": True},
    }
    assert redacted_data(data, {"ada": "[user]"}) == {
        "user": "[user]",
        "registry_token": HIDDEN,
        "tokens": 3,
        "paths": ["…/x", "Canada", "made by [user]."],
        "deep": {"note": f"password={HIDDEN}", "none": None, "on": True},
    }
