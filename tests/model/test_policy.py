"""Rules: what each refuses, in which words, and that none loosens another."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_gpu_containers.errors import InvalidRequestError, PolicyError
from jupyter_gpu_containers.model import policy
from jupyter_gpu_containers.model.image.image import Image, ImageReference
from jupyter_gpu_containers.model.image.pattern import ImagePattern, names_of
from jupyter_gpu_containers.model.kernel.container import Network
from jupyter_gpu_containers.model.kernel.idle import IdleLimit
from jupyter_gpu_containers.model.policy import (
    ADMINISTRATOR,
    KernelRequest,
    Rules,
    Show,
    Usage,
    carry_refusal,
    image_refusal,
    kernel_refusal,
    usage_refusal,
)

DIGEST = "sha256:" + "a1" * 32
OTHER = "sha256:" + "b2" * 32
GIB = 1 << 30


def ref(text: str) -> ImageReference:
    return ImageReference.parse(text)


def patterns(*texts: str) -> tuple[ImagePattern, ...]:
    return tuple(map(ImagePattern.parse, texts))


def refused(error: PolicyError | None) -> str:
    """Return the code of a refusal that keeps to the form of all."""
    assert error is not None
    assert re.search(r"\(c\.GpuContainers\.\w+\)", error.message)
    assert error.message.endswith(".")
    assert error.hint.endswith(".")
    return error.error_code


@pytest.mark.parametrize(
    ("pattern", "reference", "matches"),
    [
        ("*", "ubuntu", True),
        ("ubuntu", "ubuntu:22.04", True),
        ("ubuntu", "docker.io/library/ubuntu", True),
        ("ubuntu", "someone/ubuntu", False),
        ("ubuntu:22.04", "ubuntu:24.04", False),
        ("ubuntu:2*", "ubuntu:24.04", True),
        ("ubuntu:*", f"ubuntu@{DIGEST}", True),
        ("ubuntu:22.04", f"ubuntu@{DIGEST}", False),
        ("pytorch/*", "pytorch/pytorch:2.6", True),
        ("pytorch/*", "evil.example.org/pytorch/pytorch", False),
        ("py*/x", "pytorch/x", True),  # no host: Docker Hub's
        ("docker.io/*", "ubuntu", True),
        ("docker.io/ubuntu", "ubuntu", True),
        ("nvcr.io/nvidia/*", "nvcr.io/nvidia/k8s/cuda:12", True),
        ("nvcr.io/nvidia/*", "nvcr.io/nvidiax/cuda", False),
        ("nvcr.io/*", "nvcr.io.evil.org/nvidia/cuda", False),
        ("*.example.org/*", "evil.org/x.example.org/y", False),  # no registry in a path
        ("*.example.org/*", "reg.example.org/y", True),
        ("*/pytorch/pytorch", "mirror.lan:5000/pytorch/pytorch:1", True),
        ("reg.lan:5000/team/?", "reg.lan:5000/team/a", True),
        ("reg.lan:5000/team/?", "reg.lan:5000/team/ab", False),
        ("reg.lan/a.b", "reg.lan/axb", False),  # a dot is a dot
        (f"ubuntu@{DIGEST}", f"ubuntu@{DIGEST}", True),
        (f"ubuntu@{DIGEST}", f"ubuntu:1@{DIGEST}", True),
        (f"ubuntu:22.04@{DIGEST}", f"ubuntu@{DIGEST}", True),
        (f"ubuntu@{DIGEST}", f"ubuntu@{OTHER}", False),
        (f"ubuntu@{DIGEST}", "ubuntu:latest", False),
        (f"*@{DIGEST}", f"nvcr.io/x@{DIGEST}", True),
        # the other names of Docker Hub, and a host in other letters
        ("docker.io/evil/*", "registry-1.docker.io/evil/x", True),
        ("docker.io/evil/*", "docker.io:443/evil/x", True),
        ("nvcr.io/evil/*", "NVCR.io/evil/x", True),
    ],
)
def test_what_a_pattern_matches(pattern: str, reference: str, matches: bool) -> None:
    assert ImagePattern.parse(pattern).matches(ref(reference)) is matches


@pytest.mark.parametrize(
    "text", ["", "  ", "a b", "x@sha256:12", "x@", "@" + DIGEST, "nvcr.io/", "nvcr.io//x", "x\ny"]
)
def test_what_is_no_pattern(text: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        ImagePattern.parse(text)
    assert caught.value.error_code == "policy_invalid"


@given(st.text(alphabet="*?.:/@[](){}|\\^$+-_aZ0 \n\0é", max_size=40), st.text(max_size=30))
def test_no_pattern_is_a_crash(pattern: str, name: str) -> None:
    try:
        parsed = ImagePattern.parse(pattern)
    except InvalidRequestError:
        return
    reference = ImageReference("docker.io", name, "1")
    assert parsed.matches(reference) in (True, False)


references = st.builds(
    ImageReference,
    st.sampled_from(["docker.io", "nvcr.io", "reg.lan:5000"]),
    st.sampled_from(["library/ubuntu", "nvidia/cuda", "team/x"]),
    st.sampled_from(["1", "2.6", "latest"]),
)
texts = st.sampled_from(
    ["*", "ubuntu", "nvcr.io/*", "nvcr.io/nvidia/*:1", "*/team/x", "reg.lan:5000/*", "ubuntu:2.*"]
)
some = st.lists(texts, max_size=3).map(lambda found: patterns(*found))


@given(st.lists(references, min_size=1, max_size=3), some, some)
def test_what_is_denied_is_denied_whatever_is_allowed(
    names: list[ImageReference], allowed: tuple[ImagePattern, ...], denied: tuple[ImagePattern, ...]
) -> None:
    refusal = image_refusal(names, "it", [Rules(allowed_images=allowed, denied_images=denied)])
    if any(pattern.matches(name) for pattern in denied for name in names):
        assert refused(refusal) == "policy_image"
    else:
        fits = not allowed or any(p.matches(name) for p in allowed for name in names)
        assert (refusal is None) is fits


@given(st.lists(references, min_size=1, max_size=2), st.lists(some, max_size=3))
def test_more_rules_never_allow_more(
    names: list[ImageReference], lists: list[tuple[ImagePattern, ...]]
) -> None:
    rules = [Rules(allowed_images=allowed) for allowed in lists]
    together = image_refusal(names, "it", rules) is None
    assert together is all(image_refusal(names, "it", [one]) is None for one in rules)


def test_a_registry_that_is_not_allowed() -> None:
    rules = Rules(ADMINISTRATOR, allowed_registries=("nvcr.io", "*.example.org"))
    assert image_refusal([ref("nvcr.io/nvidia/cuda")], "it", [rules]) is None
    assert image_refusal([ref("a.example.org/x")], "it", [rules]) is None
    refusal = image_refusal([ref("ubuntu")], "ubuntu", [rules])
    assert refused(refusal) == "policy_registry"
    assert refusal is not None
    assert refusal.as_dict() == {
        "code": "policy_registry",
        "message": "The administrator does not allow images of the registry of ubuntu "
        "(c.GpuContainers.allowed_registries).",
        "hint": "Allowed: nvcr.io, *.example.org.",
    }


def test_one_name_must_be_of_an_allowed_registry_and_an_allowed_image() -> None:
    rules = Rules(allowed_registries=("nvcr.io",), allowed_images=patterns("ubuntu"))
    names = [ref("ubuntu"), ref("nvcr.io/x/y")]  # each allowed by one rule only
    assert refused(image_refusal(names, "it", [rules])) == "policy_image"


def test_an_image_without_a_name_is_none_of_the_allowed() -> None:
    rules = [Rules(allowed_images=patterns("*"))]
    assert refused(image_refusal([], "0123abcd", rules)) == "policy_image"
    assert image_refusal([], "0123abcd", [Rules(denied_images=patterns("*"))]) is None


def test_all_names_of_an_image_count_and_broken_ones_do_not() -> None:
    image = Image("sha256:1", ("team/x:1", "<none>:<none>"), (f"nvcr.io/team/x@{DIGEST}",))
    assert [str(name) for name in names_of(image)] == [
        "docker.io/team/x:1",
        f"nvcr.io/team/x@{DIGEST}",
    ]


LIMITED = Rules(
    ADMINISTRATOR,
    max_gpus_per_kernel=2,
    max_gpus_per_user=3,
    max_kernels_per_user=4,
    max_memory=16 * GIB,
    networks=(Network.NONE,),
)


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"gpus": 2, "memory": 16 * GIB}, None),
        ({"gpus": 0, "memory": None}, None),
        ({"gpus": 3}, "policy_gpus"),
        ({"gpus": -1}, "policy_gpus"),
        ({"memory": 16 * GIB + 1}, "policy_memory"),
        ({"memory": -1}, "policy_memory"),  # which an engine takes as no limit at all
        ({"network": Network.BRIDGE}, "policy_network"),
    ],
)
def test_what_a_kernel_may_have(asked: dict[str, object], code: str | None) -> None:
    request = replace(KernelRequest(network=Network.NONE), **asked)  # type: ignore[arg-type]
    refusal = kernel_refusal(request, [LIMITED])
    assert (refusal and refused(refusal)) == code


def test_the_sentence_has_the_numbers_and_who_set_them() -> None:
    refusal = kernel_refusal(KernelRequest(gpus=5), [replace(LIMITED, networks=tuple(Network))])
    assert refusal is not None
    assert refusal.message == (
        "The administrator allows at most 2 GPUs per kernel "
        "(c.GpuContainers.max_gpus_per_kernel); 5 were asked for."
    )
    assert refusal.hint == "Start with 2 GPUs or fewer."


@pytest.mark.parametrize(
    ("gpus", "has", "code"),
    [
        (1, Usage("ada", kernels=3, gpus=2), None),
        (2, Usage("ada", kernels=3, gpus=2), "policy_gpus"),
        (1, Usage("ada", kernels=4, gpus=0), "policy_kernels"),
        (0, Usage("ada", kernels=1, gpus=9), None),  # more than may be, by an older rule
        (1, Usage("ada", kernels=1, gpus=9), "policy_gpus"),
    ],
)
def test_what_a_user_may_have(gpus: int, has: Usage, code: str | None) -> None:
    refusal = usage_refusal(KernelRequest(gpus=gpus), has, [LIMITED])
    assert (refusal and refused(refusal)) == code


def test_the_strictest_of_several_rules_holds_whoever_comes_first() -> None:
    strict = Rules(max_gpus_per_kernel=1, max_run_time=60.0, show_others=Show.NONE, max_memory=GIB)
    rules = [LIMITED, strict, Rules()]
    for order in permutations(rules):
        assert policy.most_gpus(order) == 1
        assert policy.most_memory(order) == GIB
        assert policy.run_time(order) == (60.0, strict.source)
        assert policy.shown(order) is Show.NONE
        assert kernel_refusal(KernelRequest(gpus=2, network=Network.NONE), order) is not None
    assert policy.run_time([Rules()]) is None
    limit = IdleLimit(60.0)
    assert policy.idle_limits([Rules(max_idle=limit), Rules()]) == ((limit, Rules().source),)
    assert policy.most_gpus([]) is None


@pytest.mark.parametrize(
    ("networks", "default"),
    [
        ([(Network.BRIDGE, Network.NONE)], Network.BRIDGE),
        ([(Network.NONE,)], Network.NONE),
        ([(Network.NONE,), (Network.BRIDGE,)], Network.BRIDGE),  # nothing: refused at the start
        ([()], Network.BRIDGE),
    ],
)
def test_the_network_of_who_names_none(
    networks: list[tuple[Network, ...]], default: Network
) -> None:
    rules = [Rules(networks=allowed) for allowed in networks]
    assert policy.default_network(Network.BRIDGE, rules) is default
    allowed = all(default in one.networks for one in rules)
    refusal = kernel_refusal(KernelRequest(network=default), rules)
    assert (refusal is None) is allowed


def test_into_what_a_kernel_may_be_carried() -> None:
    known = {ref("pytorch/pytorch:2.6")}
    rules = [Rules(carry_into_unknown_images=False, allowed_images=patterns("reg.lan/*"))]
    pulled = [ref("pytorch/pytorch:2.6"), ref(f"pytorch/pytorch@{DIGEST}")]
    assert carry_refusal(pulled, "it", known, rules) is None
    assert carry_refusal([ref("reg.lan/x")], "it", known, rules) is None
    assert refused(carry_refusal([ref("other")], "it", known, rules)) == "policy_carry"
    renamed = [ref("pytorch/pytorch:2.6"), ref(f"evil/x@{DIGEST}")]  # by `docker tag`
    assert refused(carry_refusal(renamed, "it", known, rules)) == "policy_carry"
    assert carry_refusal([ref("other")], "it", known, [Rules()]) is None
