"""Settings that restrict: what an administrator allows; whose they are: ``policy_config``."""

from __future__ import annotations

from traitlets import Bool, Enum, Float, Int, List, Unicode
from traitlets.config import Configurable

from jupyter_gpu_containers.model.kernel.container import Network

from .model.policy import Show


class PolicySettings(Configurable):
    """The traits that restrict; those of the system's files hold beside everybody else's."""

    allowed_images = List(
        Unicode(),
        help="""Images that may be pulled, named, built from and started; all others are refused.
        Patterns on the reference, "nvcr.io/nvidia/*", or "repository@sha256:…"; [] = all.""",
    ).tag(config=True)
    denied_images = List(
        Unicode(), help="Images that are refused even if they are allowed; patterns like those."
    ).tag(config=True)
    allowed_registries = List(
        Unicode(),
        help="""Hosts of registries whose images may be used, "*.example.org"; [] = all.""",
    ).tag(config=True)
    max_gpus_per_kernel = Int(
        None, allow_none=True, min=0, help="Most GPUs of a kernel; None = all that there are."
    ).tag(config=True)
    max_gpus_per_user = Int(
        None, allow_none=True, min=0, help="Most GPUs of all kernels of a user; None = all."
    ).tag(config=True)
    max_kernels_per_user = Int(
        None,
        allow_none=True,
        min=0,
        help="Most kernels of a user in containers; None = no limit.",
    ).tag(config=True)
    max_memory = Unicode(
        "", help='Most memory of a kernel, "64g" or a percentage of the host\'s; "" = no limit.'
    ).tag(config=True)
    max_run_time = Float(
        0.0,
        min=0.0,
        help="""Seconds after which a kernel is stopped, with a warning before; restarting it does
        not begin anew. 0 = it may run for ever.""",
    ).tag(config=True)
    max_idle_time = Float(
        0.0,
        min=0.0,
        help="""Most seconds that a kernel with GPUs may be idle before it is warned of and then
        stopped, whatever environments say. 0 = no limit.""",
    ).tag(config=True)
    networks = List(
        Enum([network.value for network in Network]),
        default_value=[network.value for network in Network],
        help="Networks that an environment may choose.",
    ).tag(config=True)
    carry_into_unknown_images = Bool(
        True,
        help="""Whether a kernel may be carried into images that neither the catalogue nor
        allowed_images names.""",
    ).tag(config=True)
    show_others = Enum(
        [show.name.lower() for show in sorted(Show, reverse=True)],
        default_value="all",
        help="""What people are told of other users' kernels: "all"; "counts", that there are some;
        or "none".""",
    ).tag(config=True)
