"""Hosts of registries: how they are written, and which belong together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_gpu_containers.errors import InvalidRequestError
from jupyter_gpu_containers.model.image.registry_host import (
    docker_key,
    host_of_key,
    is_internal,
    is_loopback,
    parse_registry_host,
    same_site,
)


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("nvcr.io", "nvcr.io"),
        (" https://nvcr.io/ ", "nvcr.io"),
        ("https://index.docker.io/v1/", "docker.io"),
        ("registry-1.docker.io", "docker.io"),
        ("localhost", "localhost"),
        ("localhost:5000", "localhost:5000"),
        ("[::1]:5000", "[::1]:5000"),
        ("Registry.Example.ORG:443", "registry.example.org:443"),
    ],
)
def test_hosts(text: str, host: str) -> None:
    assert parse_registry_host(text) == host
    assert host_of_key(docker_key(host)) == host


@given(st.text(max_size=40))
def test_any_text_is_a_host_or_refused(text: str) -> None:
    try:
        host = parse_registry_host(text)
    except InvalidRequestError:
        return
    assert parse_registry_host(host) == host
    assert same_site(host, host)


@pytest.mark.parametrize(
    ("host", "loopback", "internal"),
    [
        ("localhost:5000", True, True),
        ("sub.localhost", True, True),
        ("127.8.9.1", True, True),
        ("[::1]:5000", True, True),
        ("10.1.2.3:443", False, True),
        ("192.168.0.1", False, True),
        ("169.254.169.254", False, True),
        ("[fe80::1]", False, True),
        ("[fd00::1]:5000", False, True),
        ("0.0.0.0", False, True),
        ("93.184.216.34", False, False),
        ("localhost.example.org", False, False),
        ("127.0.0.1.example.org", False, False),
        ("nvcr.io", False, False),
    ],
)
def test_where_a_host_is(host: str, loopback: bool, internal: bool) -> None:
    assert (is_loopback(host), is_internal(host)) == (loopback, internal)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("registry.example.org:5000", "REGISTRY.example.org", True),
        ("registry.example.org", "example.org", True),
        ("a.example.co.uk", "b.example.co.uk", True),
        ("a.co.uk", "b.co.uk", False),
        ("co.uk", "b.co.uk", False),
        ("example.org", "example.com", False),
        ("example.org", "example.org.evil.net", False),
        ("one.pkg.dev", "two.pkg.dev", False),
        ("1.dkr.ecr.eu-west-1.amazonaws.com", "s3.amazonaws.com", False),
        ("127.0.0.1:5000", "127.0.0.1:5001", True),
        ("127.0.0.1", "127.0.0.2", False),
        ("localhost", "127.0.0.1", False),
        ("org", "example.org", False),
        ("a..org", "b..org", False),
    ],
)
def test_who_belongs_together(one: str, other: str, same: bool) -> None:
    assert same_site(one, other) is same
    assert same_site(other, one) is same
