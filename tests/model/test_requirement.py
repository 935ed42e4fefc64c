"""NVIDIA_REQUIRE_*: NVIDIA's own outcomes, NVIDIA's own tables, and any text at all."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jupyter_gpu_containers.model.fitness.requirement import (
    PROPERTIES,
    Facts,
    Outcome,
    compare,
    driver_branches,
    evaluate,
    holds,
    read_terms,
    unsatisfied,
)
from jupyter_gpu_containers.model.kernel.nvidia_env import (
    SUPPORTED_CAPABILITIES,
    UnusableVariableError,
    driver_capabilities,
    major_minor,
    requirements,
    visible_devices,
)

from .cases import CASES, requirement

HOSTS = {name: Facts(**facts) for name, facts in CASES["hosts"].items()}
SWARM = ("DOCKER_RESOURCE_GPUS", "DOCKER_RESOURCE_GPUS_ADDITIONAL", "DOCKER_SWARM_RESOURCE")
VARIABLES = ("NVIDIA_VISIBLE_DEVICES",)


@pytest.mark.parametrize(("text", "host", "expected", "note"), CASES["evaluate"])
def test_outcomes_are_nvidias(text: str, host: str, expected: str, note: str) -> None:
    assert evaluate(requirement(text), HOSTS[host]).value == expected


@pytest.mark.parametrize(("text", "message"), CASES["messages"])
def test_refusals_are_nvidias(text: str, message: str) -> None:
    assert unsatisfied(text) == message


@pytest.mark.parametrize("case", CASES["env_to_requirements"], ids=lambda c: c["description"])
def test_requirements_of_an_environment(case: dict[str, Any]) -> None:
    assert sorted(requirements(case["env"]).values()) == sorted(case["expect"])


@pytest.mark.parametrize(("version", "expected"), CASES["cuda_version"])
def test_cuda_version_of_a_legacy_image(version: str, expected: str | None) -> None:
    if expected is None:
        with pytest.raises(UnusableVariableError, match="is not one to three numbers"):
            major_minor(version)
    else:
        assert major_minor(version) == expected


def chosen(env: dict[str, str], preferred: list[str]) -> tuple[str, ...] | None:
    """Devices of an environment where a site's variables win over NVIDIA's."""
    return visible_devices(env, [name for name in preferred if name in env] or VARIABLES)


def devices(expected: list[str] | None) -> tuple[str, ...] | None:
    """What NVIDIA's tables expect, in our words: "" is the driver without a device."""
    return None if expected is None else tuple(filter(None, expected))


@pytest.mark.parametrize("case", CASES["env_to_devices"], ids=lambda c: c["description"])
def test_devices_of_an_environment(case: dict[str, Any]) -> None:
    assert chosen(case["env"], case["preferred"]) == devices(case["expect"])


@pytest.mark.parametrize("case", CASES["env_to_config"], ids=lambda c: c["description"])
def test_configuration_of_an_environment(case: dict[str, Any]) -> None:
    expected = case["expect"]
    if expected == "panic":  # for what a privileged container may do; ours never are
        assert set(case["env"]) & {"NVIDIA_MIG_CONFIG_DEVICES", "NVIDIA_MIG_MONITOR_DEVICES"}
        return
    found = chosen(case["env"], list(SWARM))
    if expected is None:
        assert found is None
        return
    assert found == devices(expected["devices"])
    supported = case.get("supported_capabilities", ",".join(SUPPORTED_CAPABILITIES)).split(",")
    assert driver_capabilities(case["env"], supported) == tuple(expected["capabilities"].split(","))
    assert sorted(requirements(case["env"]).values()) == sorted(expected["requirements"])


def test_a_capability_that_nobody_knows() -> None:
    with pytest.raises(UnusableVariableError, match="asks for tachyons, which"):
        driver_capabilities({"NVIDIA_DRIVER_CAPABILITIES": "compute,tachyons"})


# --- the other evaluator (in Go, for Tegra) ignores unknown properties; the structure is the same


@pytest.mark.parametrize(("text", "expected"), CASES["go_parse"])
def test_conditions_as_the_other_evaluator_parses_them(text: str, expected: Any) -> None:
    (condition,) = [c for term in read_terms(text) for c in term] or [None]
    if expected == "error":
        assert holds(condition, HOSTS["t4-470"]) is None
    elif expected is None:
        assert condition is None or condition[0] not in PROPERTIES
    else:
        assert condition == tuple(expected)


def go_structure(text: str) -> Any:
    """The requirement as NVIDIA's Go tests write it, without unknown properties."""
    parsed = [list(term) for term in read_terms(text)]
    if any(c is None for term in parsed for c in term):
        return "error"
    terms = []
    for term in parsed:
        known = ["".join(c) for c in term if c[0] in PROPERTIES]
        if known:
            terms.append(known[0] if len(known) == 1 else {"and": known})
    if len(terms) > 1:
        return {"or": terms}
    return terms[0] if terms else None


@pytest.mark.parametrize(("text", "expected"), CASES["go_requirement"])
def test_spaces_are_or_and_commas_are_and(text: str, expected: Any) -> None:
    assert go_structure(text) == expected


# --- any text ----------------------------------------------------------------------------------

VERSIONS = st.one_of(
    st.lists(st.integers(0, 999), min_size=1, max_size=4).map(lambda n: ".".join(map(str, n))),
    st.text("0123456789.", max_size=12),
)
CONDITIONS = st.builds(
    lambda name, operator, value: name + operator + value,
    st.sampled_from([*PROPERTIES, "CUDA", "Brand", "foo", ""]),
    st.sampled_from(["=", "!=", "<", "<=", ">", ">=", "!", "==", "=>", "<>", ""]),
    st.one_of(VERSIONS, st.sampled_from(["tesla", "geforce", ""])),
)
REQUIREMENTS = st.one_of(
    st.text(),
    st.text("cudaeriv<>=!,. 0123456789"),
    st.lists(st.lists(CONDITIONS, max_size=3).map(",".join), max_size=4).map(" ".join),
)
FACTS = st.builds(
    Facts,
    cuda=st.none() | VERSIONS,
    driver=st.none() | VERSIONS,
    arch=st.none() | VERSIONS,
    brand=st.none() | st.sampled_from(["Tesla", "GeForce", "Unknown", ""]),
)


@given(REQUIREMENTS, FACTS)
@example("cuda>=" + "9" * 5000, Facts(cuda="13.0"))
@example("cuda>=99 ,", Facts(cuda="13.0"))
def test_any_text_has_an_outcome_that_doubled_separators_do_not_change(
    text: str, facts: Facts
) -> None:
    parsed = [list(term) for term in read_terms(text)]
    doubled = text.replace(" ", "  ").replace(",", ",,")
    assert [list(term) for term in read_terms(doubled)] == parsed
    assert evaluate(doubled, facts) is evaluate(text, facts)
    assert driver_branches([text, text], facts) == driver_branches([text], facts)


@given(REQUIREMENTS)
def test_a_condition_that_is_written_is_read_again(text: str) -> None:
    conditions = [c for term in read_terms(text) for c in term if c is not None]
    assert [c for term in read_terms(" ".join(map("".join, conditions))) for c in term] == (
        conditions
    )


@pytest.mark.parametrize(
    ("brand", "expected"),
    [
        ("Tesla", {418: True, 470: True, 525: True, 535: False}),
        ("GeForce", {418: False, 470: False, 525: True, 535: True}),
        (None, {418: True, 470: True, 525: True, 535: True}),
    ],
)
def test_older_driver_branches(brand: str | None, expected: dict[int, bool]) -> None:
    """Of one brand, of any, in any case and order; neither open-ended ones nor those of others."""
    texts = [
        "cuda>=12.4 brand=tesla,driver>=470,driver<471 BRAND=Tesla,driver>=418.40,driver<419",
        "driver>=525,driver<526 brand=GeForce,driver>=535,driver<536",
        "driver>=550 cuda>=11,driver>=560,driver<561 brand=tesla,driver>=x,driver<5",
    ]
    assert driver_branches(texts, Facts(brand=brand)) == expected
    assert list(driver_branches(texts, Facts(brand=brand))) == sorted(expected)


@given(REQUIREMENTS)
def test_a_machine_that_nobody_knows_fails_nothing(text: str) -> None:
    assert evaluate(text, Facts()) is not Outcome.FAIL


@given(VERSIONS, VERSIONS)
def test_comparisons_agree_with_each_other(left: str, right: str) -> None:
    less, equal, more = (compare(left, sign, right) for sign in ("<", "=", ">"))
    if less is None:
        assert equal is more is None
        return
    assert [less, equal, more].count(True) == 1
    assert compare(left, "<=", right) is (less or equal)
    assert compare(left, ">=", right) is (more or equal)
    assert compare(left, "!=", right) is (not equal)
    assert compare(right, ">", left) is less


@given(st.dictionaries(st.sampled_from(["CUDA_VERSION", "NVIDIA_REQUIRE_CUDA"]), st.text()))
def test_any_environment_is_read_or_refused_in_words(env: dict[str, str]) -> None:
    try:
        requirements(env)
    except UnusableVariableError as exc:
        assert "CUDA_VERSION" in str(exc)  # noqa: PT017
