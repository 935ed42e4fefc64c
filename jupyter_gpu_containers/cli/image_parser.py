"""The words of the command line that are about images and registries."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from jupyter_gpu_containers.model.image.build import DOCKERFILE

from . import images, logins, transfers
from .completion import offer

Word = Callable[[str, Any, str], argparse.ArgumentParser]
REFERENCE = "[registry/]repository[:tag], such as nvcr.io/nvidia/pytorch:25.08-py3"


def add_image_words(word: Word) -> None:
    """Add them; ``word(name, command, help)`` makes the parser of one."""
    word("images", images.images, "Show the images on the container engine.")
    word("catalogue", images.catalogue, "Show curated images, and which of them run here.")

    search = word("search", images.search, "Search Docker Hub.")
    search.add_argument("query", metavar="TEXT")
    search.add_argument("--limit", type=_count, default=25, metavar="N", help="default: 25")

    tags = word("tags", images.tags, "List the tags of a repository, newest first.")
    tags.add_argument("repository", metavar="REPOSITORY", help="such as nvcr.io/nvidia/pytorch")
    tags.add_argument("--contains", default="", metavar="TEXT", help="only tags with this text")
    tags.add_argument("--limit", type=_count, default=100, metavar="N", help="default: 100")

    text = "Show what an image is, on this machine or in its registry; no layer is fetched."
    _reference(word("inspect", images.inspect, text), "images")
    _reference(word("pull", transfers.pull, "Fetch an image; Ctrl-C cancels."), "catalogue")
    text = "Send an image to its registry; Ctrl-C cancels."
    _reference(word("push", transfers.push, text), "images")

    _build(word("build", transfers.build, "Make an image; Ctrl-C cancels."))

    tag = word("tag", images.tag, "Give an image on this machine one more name.")
    offer(tag.add_argument("source", metavar="IMAGE", help="a reference or id"), "images")
    tag.add_argument("reference", metavar="REF", help=REFERENCE)

    rmi = word("rmi", images.rmi, "Remove an image, or one of its names.")
    offer(rmi.add_argument("reference", metavar="IMAGE", help="a reference or id"), "images")
    rmi.add_argument(
        "--force", action="store_true", help="also when an environment or a container uses it"
    )

    login = word("login", logins.login, "Log in to a registry.")
    _host(login)
    login.add_argument("-u", "--username", help="not needed for nvcr.io; asked for elsewhere")
    login.add_argument(
        "--password-stdin", action="store_true", help="read the password or key from a pipe"
    )
    _host(word("logout", logins.logout, "Log out of a registry."))


def _reference(parser: argparse.ArgumentParser, kind: str) -> None:
    offer(parser.add_argument("reference", metavar="REF", help=REFERENCE), kind)


def _build(build: argparse.ArgumentParser) -> None:
    folder = build.add_argument(
        "folder",
        metavar="FOLDER",
        nargs="?",
        help="its files are what the Dockerfile can copy; default: the current one; "
        "“-”: none, and the Dockerfile comes from a pipe",
    )
    offer(folder, "folders")
    build.add_argument("-t", "--tag", metavar="REF", required=True, help="the image's name")
    file = build.add_argument(
        "-f", "--file", metavar="FILE", default=DOCKERFILE, help="Dockerfile in the folder"
    )
    which = build.add_mutually_exclusive_group()
    text = "of pip, to add to a base image"
    pip = which.add_argument("--requirements", metavar="FILE", help=text)
    text = "of conda, to add to a base image"
    conda = which.add_argument("--environment", metavar="FILE", help=text)
    for each in (file, pip, conda):
        offer(each, "files")
    base = build.add_argument("--base", metavar="REF", help="the base image of either")
    offer(base, "images")
    build.add_argument(
        "--secret",
        metavar="id=NAME,src=FILE",
        action="append",
        default=[],
        help="for steps with RUN --mount=type=secret,id=NAME; it is not in the image",
    )


def _host(parser: argparse.ArgumentParser) -> None:
    host = parser.add_argument(
        "host", metavar="HOST", nargs="?", default="docker.io", help="default: docker.io"
    )
    offer(host, "registries")


def _count(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 1000:
        raise argparse.ArgumentTypeError(f"{number} is not between 1 and 1000")
    return number
