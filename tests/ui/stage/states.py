"""The table of all states, in the order of the pictures."""

from __future__ import annotations

from . import dialog_states, notebook_states, panel_states, place_states
from .stage import STATES, State

__all__ = ["STATES", "State", "dialog_states", "notebook_states", "panel_states", "place_states"]
