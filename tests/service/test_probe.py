"""The look inside an image: what its script prints, and what is believed of it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_gpu_containers.model.image.image import ImageKernel, ImageProbe, ImagePython
from jupyter_gpu_containers.runtime.probe import (
    MAX_KERNELS,
    MAX_TEXT,
    parse_probe,
)

RS = "\x1e"


def python(prefix: str, *, version: str = "3.12.4", **facts: object) -> str:
    """Return the record of an interpreter."""
    found = {
        "version": version,
        "prefix": prefix,
        "executable": f"{prefix}/bin/python3",
        "ipykernel": False,
        "debugpy": False,
        **facts,
    }
    return f"{RS}python {json.dumps(found)}\n"


def kernelspec(directory: str, **spec: object) -> str:
    """Return the record of a kernelspec; a usable one unless told otherwise."""
    usable = {
        "argv": ["python", "-f", "{connection_file}"],
        "display_name": "P",
        "language": "python",
    }
    return f"{RS}kernelspec {directory}\n{json.dumps({**usable, **spec})}\n"


def names(output: str) -> list[str]:
    return [kernel.name for kernel in parse_probe(output).kernels]


def argv(output: str) -> tuple[str, ...]:
    (kernel,) = parse_probe(output).kernels
    return kernel.argv


def test_an_ordinary_image() -> None:
    output = python("/usr", version="3.11.2", ipykernel=True) + kernelspec(
        "/usr/share/jupyter/kernels/python3",
        argv=["/usr/bin/python3", "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        display_name="Python 3 (ipykernel)",
        metadata={"debugger": True},
    )
    assert parse_probe(output) == ImageProbe(
        python="3.11.2",
        pythons=(ImagePython("3.11.2", "/usr/bin/python3", ipykernel=True),),
        kernels=(
            ImageKernel(
                "python3",
                "Python 3 (ipykernel)",
                "python",
                ("/usr/bin/python3", "-m", "ipykernel_launcher", "-f", "{connection_file}"),
                debugger=True,
            ),
        ),
    )


def test_ipykernel_without_a_kernelspec_is_a_kernel() -> None:
    assert parse_probe(python("/usr", ipykernel=True, debugpy=True)).kernels == (
        ImageKernel(
            "python3",
            "Python 3 (ipykernel)",
            "python",
            ("/usr/bin/python3", "-m", "ipykernel_launcher", "-f", "{connection_file}"),
            debugger=True,
        ),
    )


@pytest.mark.parametrize("output", ["", "sh: 1: python3: not found\n", python("/usr")])
def test_no_kernel_is_an_answer(output: str) -> None:
    assert parse_probe(output).kernels == ()


def bare(prefix: str, **facts: object) -> str:
    """Return the record of an interpreter that a kernel can be carried into."""
    able = {"implementation": "cpython", "abiflags": "", "machine": "x86_64", "libc": "glibc 2.36"}
    return python(prefix, **{**able, **facts})


def test_a_python_without_a_kernel_gets_one_that_is_carried_in() -> None:
    assert parse_probe(bare("/usr", version="3.11.2")) == ImageProbe(
        python="3.11.2",
        kernels=(
            ImageKernel(
                "python3",
                "Python 3.11 (kernel carried in)",
                "python",
                (
                    "/usr/bin/python3",
                    "/opt/jupyter-gpu-containers/runtime/launch.py",
                    "-f",
                    "{connection_file}",
                ),
                debugger=True,
                runtime="cpython-311-glibc-amd64",
            ),
        ),
        pythons=(ImagePython("3.11.2", "/usr/bin/python3", runtime="cpython-311-glibc-amd64"),),
    )


@pytest.mark.parametrize(
    ("facts", "runtime"),
    [
        ({"version": "3.6.9", "abiflags": "m"}, "cpython-36-glibc-amd64"),
        ({"version": "3.13.0", "libc": "musl"}, "cpython-313-musl-amd64"),
        ({"machine": "aarch64"}, "cpython-312-glibc-arm64"),
        ({"libc": "glibc 2.17"}, "cpython-312-glibc-amd64"),
        ({"libc": "glibc 2.12"}, None),
        ({"libc": ""}, None),
        ({"libc": ["glibc"]}, None),
        ({"machine": "ppc64le"}, None),
        ({"machine": ""}, None),
        ({"version": "3.5.3"}, None),
        ({"version": "2.7.18", "implementation": ""}, None),
        ({"implementation": "pypy"}, None),
        ({"version": "3.14.0", "abiflags": "t"}, None),
    ],
)
def test_which_kernel_fits_a_python(facts: dict[str, object], runtime: str | None) -> None:
    probe = parse_probe(bare("/usr", **facts))
    assert [kernel.runtime for kernel in probe.kernels] == [runtime] * (runtime is not None)
    assert [one.runtime for one in probe.pythons] == [runtime]


def test_a_kernel_of_its_own_is_taken_as_it_is() -> None:
    own = bare("/opt/conda", ipykernel=True) + kernelspec(
        "/opt/conda/share/jupyter/kernels/python3"
    )
    found = parse_probe(
        own + bare("/opt/conda/envs/torch") + bare("/usr", version="3.10.1")
    ).kernels
    assert [(kernel.name, kernel.runtime) for kernel in found] == [
        ("python3", None),
        ("python3-torch", "cpython-312-glibc-amd64"),
    ]


def test_kernels_of_other_languages_leave_python_its_own() -> None:
    output = bare("/usr", version="3.9.2") + kernelspec(
        "/usr/share/jupyter/kernels/ir", argv=["R", "{connection_file}"], language="R"
    )
    assert names(output) == ["ir", "python3"]


def test_an_r_whose_kernelspec_nobody_has_installed() -> None:
    output = f"{RS}irkernel /usr/lib/R/bin/R\n" + bare("/usr", version="3.9.2")
    output += f"{RS}irkernel /opt/conda/envs/stats/lib/R/bin/R\n{RS}irkernel lib/R/bin/R\n"
    ours, carried, other = parse_probe(output).kernels
    assert ours == ImageKernel(
        "ir",
        "R",
        "R",
        ("/usr/lib/R/bin/R", "--slave", "-e", "IRkernel::main()", "--args", "{connection_file}"),
    )
    assert (carried.name, carried.runtime) == ("python3", "cpython-39-glibc-amd64")
    assert (other.name, other.display_name) == ("ir-stats", "R [stats]")
    assert other.argv[0] == "/opt/conda/envs/stats/lib/R/bin/R"


@pytest.mark.parametrize("command", ["R", "/usr/lib/R/bin/R"])
def test_an_r_that_has_a_kernelspec_is_one_kernel(command: str) -> None:
    spec = {"argv": [command, "{connection_file}"], "language": "R", "display_name": "R 4.2"}
    output = f"{RS}irkernel /usr/lib/R/bin/R\n"
    output += kernelspec("/usr/local/share/jupyter/kernels/ir42", **spec)
    assert names(output) == ["ir42"]


def test_two_pythons_of_one_installation() -> None:
    output = bare("/usr", version="3.11.2") + bare("/usr", version="3.9.5", executable="/usr/bin/p")
    assert names(output) == ["python3", "python3.9"]


def test_python_in_a_kernelspec_means_the_python_of_its_own_prefix() -> None:
    output = python("/usr") + python("/opt/conda")
    output += kernelspec("/opt/conda/share/jupyter/kernels/python3")
    assert argv(output) == ("/opt/conda/bin/python3", "-f", "{connection_file}")


def test_python_in_a_kernelspec_for_all_means_the_first_python() -> None:
    output = python("/usr") + kernelspec("/usr/local/share/jupyter/kernels/python3")
    assert argv(output) == ("/usr/bin/python3", "-f", "{connection_file}")


def test_other_commands_stay_names_that_the_container_resolves() -> None:
    output = kernelspec("/usr/share/jupyter/kernels/ir", argv=["R", "{connection_file}"])
    assert argv(output) == ("R", "{connection_file}")


def test_the_kernelspecs_own_folder_is_filled_in() -> None:
    output = kernelspec(
        "/usr/share/jupyter/kernels/x", argv=["{resource_dir}/run", "{connection_file}"]
    )
    assert argv(output) == ("/usr/share/jupyter/kernels/x/run", "{connection_file}")


def test_a_kernelspecs_variables_are_set_inside_the_container() -> None:
    output = kernelspec(
        "/usr/share/jupyter/kernels/julia-1.10",
        argv=["julia", "{connection_file}"],
        language="julia",
        env={"JULIA_NUM_THREADS": "4", "PATH": "/x:${PATH}", "bad name": "1", "N": 1},
    )
    assert argv(output) == ("env", "JULIA_NUM_THREADS=4", "julia", "{connection_file}")


@pytest.mark.parametrize(
    ("language", "mode", "expected"),
    [
        ("scala", "message", "message"),
        ("R", "signal", "signal"),
        ("R", None, "signal"),
        ("R", ["message"], "signal"),
        ("python", "message", "signal"),
    ],
)
def test_how_a_kernel_is_interrupted(language: str, mode: object, expected: str) -> None:
    output = kernelspec("/usr/share/jupyter/kernels/k", language=language, interrupt_mode=mode)
    (kernel,) = parse_probe(output).kernels
    assert kernel.interrupt_mode == expected


def test_condas_environments_get_names_of_their_own_and_the_first_python_leads() -> None:
    output = python("/opt/conda") + python("/opt/conda/envs/Torch 2")
    output += kernelspec("/usr/share/jupyter/kernels/python3", argv=["/x", "{connection_file}"])
    output += kernelspec("/opt/conda/envs/Torch 2/share/jupyter/kernels/python3")
    output += kernelspec("/opt/conda/share/jupyter/kernels/python3")
    found = parse_probe(output).kernels
    assert [(kernel.name, kernel.display_name, kernel.argv[0]) for kernel in found] == [
        ("python3", "P", "/opt/conda/bin/python3"),
        ("python3-usr", "P [usr]", "/x"),
        ("python3-torch-2", "P [torch-2]", "/opt/conda/envs/Torch 2/bin/python3"),
    ]


def test_the_same_kernel_twice_is_one() -> None:
    one = kernelspec("/usr/share/jupyter/kernels/python3")
    assert names(python("/usr") + one + one) == ["python3"]


@pytest.mark.parametrize(
    "record",
    [
        kernelspec("/k/python3", argv="python -f {connection_file}"),
        kernelspec("/k/python3", argv=["python", 1, "{connection_file}"]),
        kernelspec("/k/python3", argv=["python"]),
        kernelspec("/k/python3", argv=[]),
        kernelspec("/k/python3", argv=["x", "{connection_file}"] * 40),
        kernelspec("/k/python3", argv=["x\0", "{connection_file}"]),
        kernelspec("/k/python3", argv=["x" * 5000, "{connection_file}"]),
        kernelspec("/k/python3", metadata={"kernel_provisioner": {"provisioner_name": "k8s"}}),
        kernelspec("relative/python3"),
        kernelspec("/k/bad name"),
        kernelspec("/k/\x1b[31mred"),
        kernelspec("/"),
        f"{RS}kernelspec /k/python3\n{'[' * 100_000}",
        f"{RS}kernelspec /k/python3\nnot JSON",
        f"{RS}kernelspec /k/python3\n[]",
        f"{RS}kernelspec\n",
        f"{RS}something else\n",
    ],
)
def test_what_does_not_look_right_is_left_out(record: str) -> None:
    good = kernelspec("/usr/share/jupyter/kernels/good")
    assert names(record + good) == ["good"]


@pytest.mark.parametrize(
    "facts",
    [
        {"version": "3.12; rm -rf /"},
        {"version": 3},
        {"prefix": "usr"},
        {"prefix": None},
        {"executable": "python3"},
        {"executable": "/usr/bin/\npython3"},
    ],
)
def test_a_python_that_tells_nonsense_is_left_out(facts: dict[str, object]) -> None:
    record = {"version": "3.12.1", "prefix": "/usr", "executable": "/usr/bin/python3", **facts}
    assert parse_probe(f"{RS}python {json.dumps(record)}\n").python is None


def test_texts_to_show_are_short_and_plain() -> None:
    hostile = "\x1b]0;gotcha\x07\u202eevil\u2028" + "x" * 1000
    output = kernelspec("/usr/share/jupyter/kernels/k", display_name=hostile, language=["python"])
    (kernel,) = parse_probe(output).kernels
    assert kernel.display_name == ("]0;gotchaevil" + "x" * 1000)[:MAX_TEXT]
    assert kernel.language == ""


def test_there_are_limits_on_how_much_is_believed() -> None:
    many = "".join(
        kernelspec(f"/usr/share/jupyter/kernels/k{n}", argv=[f"x{n}", "{connection_file}"])
        for n in range(1000)
    )
    assert len(parse_probe(many).kernels) == MAX_KERNELS
    assert (
        parse_probe("x" * (2 << 20) + kernelspec("/usr/share/jupyter/kernels/late")).kernels == ()
    )


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner),
    max_leaves=10,
)
keys = st.sampled_from(["argv", "display_name", "language", "metadata", "env", "version", "prefix"])
records = st.builds(
    lambda word, text, value: f"{RS}{word} {text}\n{json.dumps(value)}",
    st.sampled_from(["python", "kernelspec", ""]),
    st.text(max_size=30),
    st.dictionaries(keys, json_values) | json_values,
)


@given(st.lists(records | st.text(max_size=40), max_size=6).map("".join))
def test_any_output_is_read_without_an_error_and_into_clean_values(output: str) -> None:
    probe = parse_probe(output)
    for kernel in probe.kernels:
        assert all(isinstance(arg, str) and "\0" not in arg for arg in kernel.argv)
        assert any("{connection_file}" in arg for arg in kernel.argv)
        for text in (kernel.name, kernel.display_name, kernel.language):
            assert len(text) <= MAX_TEXT
            assert text.isprintable()
