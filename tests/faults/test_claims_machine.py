"""No GPU is lost or doubled by any order of steps; and broken protocols are found out.

More sequences: ``python -m rigs.reliability sequences --long``.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from .broken_orders import Forgetful, Unchecked
from .claims_machine import ClaimsMachine, SharingMachine
from .claims_world import DoubleError, LostError

SETTINGS = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
ClaimsMachine.TestCase.settings = SETTINGS
SharingMachine.TestCase.settings = SETTINGS
TestClaims = ClaimsMachine.TestCase
TestSharing = SharingMachine.TestCase


class UncheckedMachine(ClaimsMachine):
    """Without the second look."""

    order = Unchecked


class ForgetfulMachine(ClaimsMachine):
    """Without the removal of what nobody answered for."""

    order = Forgetful


@pytest.mark.parametrize(
    ("machine", "error"), [(UncheckedMachine, DoubleError), (ForgetfulMachine, LostError)]
)
def test_a_broken_order_is_found(machine: type[ClaimsMachine], error: type[AssertionError]) -> None:
    quickly = settings(SETTINGS, max_examples=200, phases=[Phase.generate])
    with pytest.raises(error):
        run_state_machine_as_test(machine, settings=quickly)
