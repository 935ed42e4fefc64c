"""Notebooks remember where they ran: offered elsewhere, and nothing fetched or started unasked."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from playwright.sync_api import Browser, Locator, Request, expect

from tests.conftest import IMAGES
from tests.registries.real import RealRegistry

from .conftest import H100, folder_of, shut_down_kernels
from .desk import Desk, NotebookOnDesk
from .page import OLD_OR_NEW, NotebookPage
from .server import LabServer, lab_server

pytestmark = pytest.mark.ui

KEY = "jupyter_gpu_containers"
TORCH = "nvcr.io/nvidia/pytorch:25.08-py3"
TITLE = "PyTorch 25.08 · 1 GPU"
KERNELSPEC = {"name": "nvidia-pytorch-25.08-py3-1gpu", "display_name": TITLE}
NO_KERNEL = "() => window.jupyterapp.shell.currentWidget.sessionContext.hasNoKernel"
# JupyterLab's own look for sessions, every ten seconds; what is asked for goes on
LOOK_NO_MORE = "() => window.jupyterapp.serviceManager.sessions._pollModels.stop()"
LOOK_AGAIN = "() => window.jupyterapp.serviceManager.sessions._pollModels.start()"
OTHER_DIGEST = "sha256:" + "0" * 64


@pytest.fixture(scope="module")
def elsewhere(assets: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    """Another machine, with one GPU."""
    config = {"GpuContainers": {"backend": "memory", "fixed_gpus": [H100]}}
    with lab_server(tmp_path_factory.mktemp("elsewhere") / "lab", config=config) as lab:
        yield lab


@pytest.fixture(scope="module")
def kept_page(
    browser: Browser, browser_context_args: dict[str, Any], elsewhere: LabServer
) -> Iterator[Desk]:
    """A page of the other machine."""
    desk = Desk(browser, browser_context_args, elsewhere)
    yield desk
    desk.close()


@pytest.fixture
def there(kept_page: Desk, request: pytest.FixtureRequest) -> Iterator[Desk]:
    """Open a notebook on the other machine, where no environment was made yet."""
    with kept_page.used(request, folder_of(request)) as desk:
        yield desk
    forget(desk.lab)


def forget(lab: LabServer) -> None:
    """Leave neither kernel nor environment."""
    shut_down_kernels(lab)
    for environment in lab.request("gpu-containers/environments")["environments"]:
        lab.request(f"gpu-containers/environments/{environment['name']}", "DELETE")


def file_of(notebook: NotebookPage) -> Path:
    return notebook.lab.root / notebook.path


def metadata(notebook: NotebookPage) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file_of(notebook).read_text(encoding="utf-8"))["metadata"]
    return found


def save(notebook: NotebookPage) -> None:
    notebook.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")


def is_dirty(notebook: NotebookPage) -> bool:
    return bool(
        notebook.page.evaluate("() => window.jupyterapp.shell.currentWidget.context.model.dirty")
    )


def digest_of(lab: LabServer, reference: str) -> str:
    return str(lab.request(f"gpu-containers/images/{reference}")["digest"])


def has_started(lab: LabServer) -> bool:
    return any(launch["phase"] not in ("failed", "cancelled") for launch in lab.launches())


def banner(notebook: NotebookPage) -> Locator:
    return notebook.page.locator(".jp-GpuContainers-banner:visible")


def open_with(
    there: Desk,
    remembered: object,
    *,
    kernelspec: dict[str, str] | None = None,
    name: str = "train",
) -> NotebookOnDesk:
    """Open a notebook whose metadata somebody else has written; wait for no kernel."""
    metadata = {
        "kernelspec": {"language": "python", **(kernelspec or KERNELSPEC)},
        "language_info": {"name": "python"},
        KEY: remembered,
    }
    cells = ("x = 1", OLD_OR_NEW, "print(6 * 7)")
    return there(*cells, name=name, metadata=metadata, wait=False)


def kernels_of(lab: LabServer) -> set[str]:
    """The ids of a server's kernels."""
    return {kernel["id"] for kernel in lab.request("api/kernels")}


def written_of(lab: LabServer) -> dict[str, Any]:
    """What is written into a notebook that ran in the image with one GPU."""
    return {"image": TORCH, "digest": digest_of(lab, TORCH), "kernel": "python3", "gpus": 1}


def test_what_ran_here_is_written_down_and_nothing_is_asked_here(demo_desk: Desk) -> None:
    notebook = demo_desk()
    notebook.choose("PyTorch 25.08")
    notebook.wait_for_kernel(TITLE)
    save(notebook)
    assert metadata(notebook)[KEY] == written_of(notebook.lab)
    assert metadata(notebook)["kernelspec"] == {**KERNELSPEC, "language": "python"}

    notebook.reload()  # its environment is here: nothing to ask, nothing to write
    notebook.wait_for_kernel(TITLE)
    expect(banner(notebook)).to_have_count(0)
    assert not is_dirty(notebook)


def test_what_was_written_there_is_offered_elsewhere_and_starts_with_a_click(
    there: Desk, elsewhere: LabServer
) -> None:
    other = open_with(there, written_of(elsewhere))
    expect(banner(other)).to_contain_text(f"Last run in {TORCH} (1 GPU) — use it here?")
    expect(banner(other)).to_contain_text("On this machine")
    assert not has_started(elsewhere)  # nothing starts by itself
    assert elsewhere.request("api/kernels") == []
    banner(other).get_by_role("button", name="Use It", exact=True).click()
    other.wait_for_kernel(TITLE)
    expect(banner(other)).to_have_count(0)
    other.run(1)
    other.expect_output(1, "new")


def test_an_image_that_is_not_here_is_fetched_only_when_asked_for(
    there: Desk, elsewhere: LabServer
) -> None:
    digest = digest_of(elsewhere, TORCH)
    elsewhere.request(f"gpu-containers/images/{TORCH}", "DELETE")
    asked: list[str] = []

    def note(request: Request) -> None:
        if "/gpu-containers/images/" in request.url or request.method == "POST":
            asked.append(request.url)

    remembered = {"image": TORCH, "digest": digest, "kernel": "python3", "gpus": 2}
    there.page.on("request", note)
    notebook = open_with(there, remembered)
    expect(banner(notebook)).to_contain_text("use it here?")
    expect(banner(notebook)).to_contain_text("Here: 1 GPU")  # it had two
    assert not [url for url in asked if "gpu-containers" in url]
    banner(notebook).get_by_role("button", name="Use It…").click()
    dialog = notebook.dialog
    expect(dialog).to_contain_text("Nothing has been downloaded yet")
    expect(dialog).to_contain_text("to download")
    dialog.get_by_role("button", name="Cancel").click()
    assert not has_started(elsewhere)

    banner(notebook).get_by_role("button", name="Use It…").click()
    dialog.get_by_role("button", name="Get It and Start").click()
    notebook.wait_for_kernel(TITLE)
    expect(banner(notebook)).to_have_count(0)
    assert digest_of(elsewhere, TORCH) == digest
    there.page.remove_listener("request", note)


def test_a_name_that_stands_for_another_image_is_said_to(there: Desk, elsewhere: LabServer) -> None:
    remembered = {"image": TORCH, "digest": OTHER_DIGEST, "kernel": "python3", "gpus": 1}
    elsewhere.request("gpu-containers/environments", "POST", {"image": TORCH, "gpus": 1})
    notebook = open_with(there, remembered)  # its kernelspec is here, too
    expect(banner(notebook)).to_contain_text("this name stands for another image now")
    assert not has_started(elsewhere)
    banner(notebook).get_by_role("button", name="Get the Same One…").click()
    expect(notebook.dialog.get_by_role("alert")).to_be_visible()  # nobody has it any more
    expect(notebook.dialog.get_by_role("button", name="Get It and Start")).to_be_disabled()
    notebook.dialog.get_by_role("button", name="Cancel").click()
    banner(notebook).get_by_role("button", name="Use This Machine’s").click()
    notebook.wait_for_kernel(TITLE)
    save(notebook)
    assert metadata(notebook)[KEY]["digest"] == digest_of(elsewhere, TORCH)


def test_a_cell_that_is_run_without_a_kernel_asks_the_same(
    there: Desk, elsewhere: LabServer
) -> None:
    digest = digest_of(elsewhere, TORCH)
    remembered = {"image": TORCH, "digest": digest, "kernel": "python3", "gpus": 1}
    notebook = open_with(there, remembered)
    banner(notebook).get_by_role("button", name="Not Now").click()
    expect(banner(notebook)).to_have_count(0)
    notebook.run(2)
    expect(notebook.dialog).to_contain_text("This notebook has no kernel")
    notebook.dialog.get_by_role("button", name="Other Kernel…").click()
    expect(notebook.dialog).to_contain_text("Select Kernel")  # JupyterLab's own
    notebook.dialog.get_by_role("button", name="No Kernel").click()
    notebook.run(2)
    notebook.dialog.get_by_role("button", name="Use It", exact=True).click()
    notebook.expect_output(2, "42")  # the cell that asked for it has run
    notebook.wait_for_kernel(TITLE)


@pytest.mark.parametrize("where", ["panel", "launch", "kernel"])
def test_after_its_kernel_was_stopped_a_cell_asks_and_starts_nothing_else(
    demo_desk: Desk, where: str
) -> None:
    """Not the kernel that the notebook was opened with: it has neither the image nor a GPU."""
    notebook = demo_desk("x = 1", OLD_OR_NEW, "print(6 * 7)")
    notebook.choose("PyTorch 25.08")
    notebook.wait_for_kernel(TITLE)
    notebook.run(0)
    launch = next(each for each in notebook.lab.launches() if each["phase"] == "running")
    before = kernels_of(notebook.lab)  # with the first one, which may be on its way out
    notebook.page.evaluate(LOOK_NO_MORE)  # it is told
    if where == "panel":
        name = re.compile("^Shut down the kernel of")
        notebook.open_panel().get_by_role("button", name=name).click()
    elif where == "launch":
        notebook.lab.request(f"gpu-containers/launches/{launch['id']}", "DELETE")
    else:
        notebook.lab.request(f"api/kernels/{launch['kernel_id']}", "DELETE")
    notebook.page.wait_for_function(NO_KERNEL)
    notebook.page.evaluate(LOOK_AGAIN)
    notebook.run(2)
    expect(notebook.dialog).to_contain_text(f"ran in “{TITLE}” and was stopped")
    notebook.dialog.get_by_role("button", name="Cancel").click()
    expect(notebook.dialog).to_have_count(0)
    assert kernels_of(notebook.lab) <= before
    notebook.run(1)
    notebook.dialog.get_by_role("button", name="Start It Again").click()
    notebook.expect_output(1, "new")
    notebook.wait_for_kernel(TITLE)


def test_an_environment_that_only_its_name_tells_of(there: Desk) -> None:
    notebook = open_with(there, None)
    expect(banner(notebook)).to_contain_text(f"Last run in “{TITLE}”")
    expect(notebook.dialog).to_have_count(0)
    banner(notebook).get_by_role("button", name="Choose Environment…").click()
    expect(notebook.dialog).to_be_visible()


@pytest.mark.parametrize(
    "hostile",
    [
        {"image": "<img src=x onerror=window.pwned=1>", "kernel": "python3", "gpus": 1},
        {"image": "a" * (1 << 20), "kernel": {"a": ["b"]}, "gpus": "1"},
    ],
    ids=["html", "huge"],
)
def test_what_we_have_not_written_is_nothing(there: Desk, hostile: object) -> None:
    """More of it, without a browser: `remembered.spec.ts`."""
    local = {"name": "python3", "display_name": "Python 3"}
    notebook = open_with(there, hostile, kernelspec=local)
    notebook.wait_for_kernel()
    notebook.expect_environment("Select environment")
    expect(banner(notebook)).to_have_count(0)
    assert notebook.page.evaluate("() => window.pwned") is None


def test_what_others_have_written_is_text(there: Desk) -> None:
    """An image of an attacker's registry, a title that is markup: shown, and nobody is asked."""
    seen: list[str] = []
    evil = {"image": "evil.example.com/a/b:1", "kernel": "python3", "gpus": 1}
    title = "<img src=x onerror=window.pwned=1> · 1 GPU"
    kernelspec = {"name": "evil-1gpu", "display_name": title}
    there.page.on("request", lambda request: seen.append(request.url))
    notebook = open_with(there, evil, kernelspec=kernelspec, name="attacked")
    expect(banner(notebook)).to_contain_text("Last run in evil.example.com/a/b:1 (1 GPU)")
    expect(banner(notebook)).to_contain_text("Not on this machine")
    assert seen
    assert not [url for url in seen if "evil.example.com" in url or "gpu-containers/images/" in url]
    notebook = open_with(there, None, kernelspec=kernelspec, name="marked")
    expect(banner(notebook)).to_contain_text(title)
    assert notebook.page.evaluate("() => window.pwned") is None


def test_a_move_out_of_containers_is_remembered_too(demo_desk: Desk) -> None:
    notebook = demo_desk()
    notebook.choose("PyTorch 25.08")
    notebook.wait_for_kernel(TITLE)
    save(notebook)
    assert KEY in metadata(notebook)
    notebook.button.get_by_role("button").click()
    notebook.dialog.get_by_role("button", name="Other Kernel…").click()
    notebook.dialog.locator("select").select_option(label="Python 3 (ipykernel)")
    notebook.dialog.get_by_role("button", name="Select", exact=False).last.click()
    notebook.wait_for_kernel("Python 3 (ipykernel)")
    save(notebook)
    assert KEY not in metadata(notebook)


@pytest.mark.engine
def test_the_very_image_comes_back_from_its_registry(
    engine_desk: Desk,
    client: docker.DockerClient,
    plain_registry: RealRegistry,
    push_image: Callable[[RealRegistry, str, str], str],
) -> None:
    """On the real engine: the digest is the registry's, and what is fetched again is the same."""
    name = f"remembered-{uuid.uuid4().hex[:8]}/python:1"
    reference = push_image(plain_registry, IMAGES.debian13, name)  # least to push
    client.images.pull(reference)
    notebook = engine_desk(OLD_OR_NEW)
    try:
        asked = {"path": notebook.path, "image": reference, "gpus": 0}
        run = "args => window.jupyterapp.commands.execute('gpu-containers:launch', args)"
        assert notebook.page.evaluate(run, asked)
        notebook.wait_for_kernel()
        save(notebook)
        found = metadata(notebook)[KEY]
        (digest,) = [
            digest
            for digest in client.images.get(reference).attrs["RepoDigests"]
            if digest.startswith(reference.rpartition(":")[0])
        ]
        expected = {"image": reference, "digest": digest.partition("@")[2], "gpus": 0}
        assert found == {**expected, "kernel": "python3"}

        shut_down_kernels(notebook.lab)  # as on a machine that has seen neither
        environments = notebook.lab.request("gpu-containers/environments")["environments"]
        (environment,) = [each for each in environments if each["reference"] == reference]
        notebook.lab.request(f"gpu-containers/environments/{environment['name']}", "DELETE")
        client.images.remove(reference)
        notebook.reopen()
        expect(banner(notebook)).to_contain_text(f"Last run in {reference} (CPU only)")
        banner(notebook).get_by_role("button", name="Use It…").click()
        expect(notebook.dialog).to_contain_text(expected["digest"][:19])
        notebook.dialog.get_by_role("button", name="Get It and Start").click()
        notebook.wait_for_kernel()
        notebook.run(0)
        notebook.expect_output(0, "new")
        assert client.images.get(digest).id == client.images.get(reference).id
    finally:
        shut_down_kernels(notebook.lab)
        client.images.remove(reference, force=True)
