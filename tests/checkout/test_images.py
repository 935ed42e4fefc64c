"""scripts/images.py and roots.py: recipes, fingerprints and where packages come from."""

from __future__ import annotations

import importlib
import re
from types import ModuleType, SimpleNamespace

import pytest

from tests.conftest import IMAGES


@pytest.fixture
def images() -> ModuleType:
    """The module, fresh."""
    return importlib.import_module("images")


@pytest.fixture
def roots(images: ModuleType) -> ModuleType:
    """The module that `images` builds roots with."""
    return importlib.import_module("roots")


def answer(text: str) -> SimpleNamespace:
    """What `subprocess.run` returns for a program that prints `text`."""
    return SimpleNamespace(stdout=text, returncode=0)


def test_every_image_of_the_tests_has_a_recipe(images: ModuleType) -> None:
    assert {recipe.reference for recipe in images.recipes().values()} == set(vars(IMAGES).values())


def test_recipes_are_told_apart(images: ModuleType) -> None:
    prints = [recipe.fingerprint for recipe in images.recipes().values()]
    assert len(set(prints)) == len(prints)
    assert all(re.fullmatch("[0-9a-f]{16}", fingerprint) for fingerprint in prints)


def test_same_content_under_another_name_is_the_same(roots: ModuleType) -> None:
    one, two = (roots.Root(name, "bookworm", ("python3",)) for name in ("a:1", "b:2"))
    other = roots.Root("a:1", "trixie", ("python3",))
    assert one.fingerprint == two.fingerprint != other.fingerprint


def test_derived_image_changes_with_its_base(images: ModuleType, roots: ModuleType) -> None:
    bases = [roots.Root("base:1", "bookworm", (package,)) for package in ("python3", "perl")]
    one, two = (images.Derived("d:1", "FROM base:1", base).fingerprint for base in bases)
    assert one != two


def test_own_mirror_is_used_for_the_own_suite(
    roots: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = (
        "http://mirror.invalid/debian/|bookworm|main|Debian|Debian\n"
        "http://mirror.invalid/debian/|bookworm-updates|main|Debian|Debian\n"
        "http://mirror.invalid/security/|bookworm-security|main|Debian|Debian-Security\n"
        "https://third.invalid/apt/|bookworm|stable|Third|Third\n"
    )
    monkeypatch.setattr(roots.subprocess, "run", lambda *_, **__: answer(listed))
    assert roots.sources("bookworm") == [
        "deb http://mirror.invalid/debian/ bookworm main",
        "deb http://mirror.invalid/debian/ bookworm-updates main",
        "deb http://mirror.invalid/security/ bookworm-security main",
    ]
    assert roots.sources("trixie") == ["deb http://mirror.invalid/debian/ trixie main"]


def test_debian_s_mirror_where_the_machine_has_another_distribution(
    roots: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = "http://mirror.invalid/ubuntu/|noble|main|Ubuntu|Ubuntu\n"
    monkeypatch.setattr(roots.subprocess, "run", lambda *_, **__: answer(listed))
    assert roots.sources("noble") == ["deb http://mirror.invalid/ubuntu/ noble main"]
    assert roots.sources("trixie") == [f"deb {roots.DEBIAN_MIRROR} trixie main"]


def test_only_proxies_and_checks_of_apt_are_taken_over(
    roots: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    dump = (
        'APT::Architecture "amd64";\n'
        'Acquire::http::Proxy "http://proxy.invalid:3128";\n'
        'Acquire::Check-Valid-Until "false";\n'
        'Acquire::Languages "none";\n'
    )
    monkeypatch.setattr(roots.subprocess, "run", lambda *_, **__: answer(dump))
    assert roots.apt_options() == (
        'Acquire::http::Proxy "http://proxy.invalid:3128";\nAcquire::Check-Valid-Until "false";\n'
    )


@pytest.mark.parametrize(
    ("release", "suite"),
    [
        ({"ID": "debian", "VERSION_CODENAME": "trixie"}, "trixie"),
        ({"ID": "ubuntu", "VERSION_CODENAME": "noble", "UBUNTU_CODENAME": "noble"}, "noble"),
        (
            {
                "ID": "linuxmint",
                "ID_LIKE": "ubuntu debian",
                "VERSION_CODENAME": "wilma",
                "UBUNTU_CODENAME": "noble",
            },
            "noble",
        ),
        ({"ID": "fedora", "VERSION_ID": "42"}, "bookworm"),
        ({}, "bookworm"),
    ],
)
def test_suite_of_this_machine(
    roots: ModuleType, monkeypatch: pytest.MonkeyPatch, release: dict[str, str], suite: str
) -> None:
    monkeypatch.setattr(roots, "os_release", lambda: release)
    assert roots.host_suite() == suite
