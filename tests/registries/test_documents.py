"""Manifests and configurations: whatever somebody uploaded, no crash but a `RegistryError`."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_gpu_containers.errors import RegistryError
from jupyter_gpu_containers.registries import documents

from .content import SAMPLES

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "manifests",
                    "config",
                    "layers",
                    "mediaType",
                    "digest",
                    "size",
                    "platform",
                    "os",
                    "architecture",
                    "variant",
                    "annotations",
                    "rootfs",
                    "diff_ids",
                    "created",
                    "Env",
                    "Labels",
                    "schemaVersion",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=15,
)


@settings(max_examples=60)
@given(JSON)
def test_anything(value: object) -> None:
    for parse in (documents.parse_index, documents.parse_manifest, documents.parse_config):
        with suppress(RegistryError):
            document = documents.parse_json(json.dumps(value).encode(), "x")
            documents.is_index(document, "")
            parse(document, "x")


@settings(max_examples=60)
@given(st.sampled_from(sorted(SAMPLES)), st.data())
def test_one_thing_is_odd(name: str, data: st.DataObject) -> None:
    """Real documents, in which one value has been replaced."""
    for part in SAMPLES[name].walk():
        blobs = [part.manifest, part.config] if part.blobs else [part.manifest]
        for blob in blobs:
            document = json.loads(blob.data)
            _replace(document, data)
            for parse in (documents.parse_index, documents.parse_manifest, documents.parse_config):
                with suppress(RegistryError):
                    parse(document, "x")


def _replace(document: Any, data: st.DataObject) -> None:
    places: list[tuple[Any, Any]] = []
    todo = [document]
    while todo:
        here = todo.pop()
        keys = list(here) if isinstance(here, dict) else range(len(here))
        for key in keys:
            places.append((here, key))
            if isinstance(here[key], (dict, list)):
                todo.append(here[key])
    where, key = data.draw(st.sampled_from(places))
    where[key] = data.draw(JSON)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-01-02T03:04:05Z", 1767323045),
        ("2026-01-02T03:04:05.5+01:00", 1767319445.5),
        ("2026-01-02T03:04:05.123456789Z", 1767323045.123456789),
        ("0001-01-01T00:00:00Z", 0),
        ("2026-13-02T03:04:05Z", 0),
        ("yesterday", 0),
        ("", 0),
    ],
)
def test_times(text: str, seconds: float) -> None:
    assert documents.seconds(text) == pytest.approx(seconds)


def test_an_index_that_tells_no_platforms() -> None:
    row = {"digest": "sha256:" + "0" * 64, "size": 1}
    [child] = documents.parse_index({"manifests": [row]}, "x")
    assert documents.choose([child], "amd64") is child
    assert documents.choose([child, child], "amd64") is None
