"""NVIDIA_REQUIRE_* as nvidia-container-cli enforces it; our own code, apart from the product's.

A requirement is terms separated by spaces, of which one is to hold; a term is conditions separated
by commas, which are all to hold. Several variables are all to hold, on each of the visible GPUs.
"""

import re

UPDATE = ", please update your driver to a newer version, or use an earlier cuda container"
BRANDS = (  # by nvmlBrandType_t
    "Unknown",
    "Quadro",
    "Tesla",
    "NVS",
    "GRID",
    "GeForce",
    "TITAN",
    "vApps",
    "VPC",
    "VCS",
    "VWS",
    "CloudGaming",
    "QuadroRTX",
    "NvidiaRTX",
    "Nvidia",
    "GeForceRTX",
    "TITANRTX",
)


class RequirementError(Exception):
    """What nvidia-container-cli says after "requirement error: "."""


def requirements(env):
    """Return the requirements that the hook hands on."""
    if env.get("NVIDIA_DISABLE_REQUIRE") in ("1", "t", "T", "TRUE", "true", "True"):
        return []
    found = [
        value
        for name, value in env.items()
        if name.startswith("NVIDIA_REQUIRE_") and not name.startswith("NVIDIA_REQUIRE_JETPACK")
    ]
    if env.get("CUDA_VERSION") and not env.get("NVIDIA_REQUIRE_CUDA"):
        major, minor = re.match(r"v?(\d+)(?:\.(\d+))?", env["CUDA_VERSION"]).groups()
        found.append(f"cuda>={major}.{minor or 0}")
    return found


def check(requirement, facts):
    """Raise RequirementError unless the requirement holds.

    ``facts`` are the strings "cuda", "driver", "arch" and "brand" of one GPU; what is not known
    counts as fulfilled.
    """
    holds = True
    for term in filter(None, requirement.split(" ")):
        for text in filter(None, term.split(",")):
            holds = _condition(text, facts)
            if not holds:
                break
        else:
            break  # after a lone comma, too, which changes nothing
    if not holds:
        raise RequirementError(refusal(requirement))


def refusal(requirement):
    first = requirement.split(" ")[0]
    return f"unsatisfied condition: {first}{UPDATE if first.startswith('cuda>=') else ''}"


def _condition(text, facts):
    match = re.fullmatch(r"([^<>=!]+)(<=|>=|!=?|[<>=])([^<>=!].*)", text, re.DOTALL)
    name = match and match[1].lower()
    if name not in ("cuda", "driver", "arch", "brand"):
        raise RequirementError("invalid expression")
    operator, value, known = match[2].ljust(2, "=")[:2], match[3], facts.get(name)
    if known is None:
        return True
    if name == "brand":
        if match[2] not in ("=", "!=", "!"):
            raise RequirementError("invalid expression")
        return (known.lower() == value.lower()) == (match[2] == "=")
    ours, theirs = _version(known), _version(value)
    return {
        "==": ours == theirs,
        "!=": ours != theirs,
        "<=": ours <= theirs if match[2] == "<=" else ours < theirs,
        ">=": ours >= theirs if match[2] == ">=" else ours > theirs,
    }[operator]


def _version(text):
    """Return the numbers without trailing zeros."""
    if not re.fullmatch(r"[0-9][0-9.]*", text):
        raise RequirementError("invalid expression")
    numbers = [int(part) for part in text.split(".") if part]
    while numbers and not numbers[-1]:
        numbers.pop()
    return numbers
