"""The object graph that is made of the settings; with `gpu_config` all that names adapters."""

from __future__ import annotations

import asyncio
import atexit
import getpass
import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, cast

from jupyter_client.kernelspec import KernelSpecManager
from jupyter_core.paths import (
    jupyter_config_path,
    jupyter_data_dir,
    jupyter_path,
    jupyter_runtime_dir,
)
from traitlets.config import Config
from traitlets.config.application import Application

from jupyter_gpu_containers.model.kernel.launch import Caller
from jupyter_gpu_containers.model.kernel.spare import modules_for
from jupyter_gpu_containers.service.changes import Changes
from jupyter_gpu_containers.service.gpu.loads import GpuLoads
from jupyter_gpu_containers.service.image.builds import Builds
from jupyter_gpu_containers.service.image.catalogue import Catalogue
from jupyter_gpu_containers.service.image.commits import Commits
from jupyter_gpu_containers.service.image.images import Images
from jupyter_gpu_containers.service.image.inspection import Inspection
from jupyter_gpu_containers.service.image.jobs import Jobs
from jupyter_gpu_containers.service.image.logins import Logins
from jupyter_gpu_containers.service.image.lookups import Lookups
from jupyter_gpu_containers.service.image.speeds import Speeds
from jupyter_gpu_containers.service.image.transfers import Transfers
from jupyter_gpu_containers.service.image.verdicts import Verdicts
from jupyter_gpu_containers.service.kernel.claims import Claims
from jupyter_gpu_containers.service.kernel.environments import Environments
from jupyter_gpu_containers.service.kernel.kernels import Kernels
from jupyter_gpu_containers.service.kernel.owner import Owner
from jupyter_gpu_containers.service.kernel.runtimes import KernelRuntimes
from jupyter_gpu_containers.service.kernel.seats import Seats
from jupyter_gpu_containers.service.kernel.shells import Shells
from jupyter_gpu_containers.service.kernel.waivers import Waivers
from jupyter_gpu_containers.service.kernel.watch import KernelWatch
from jupyter_gpu_containers.service.launch.idle import Idle
from jupyter_gpu_containers.service.launch.launches import Launches
from jupyter_gpu_containers.service.launch.preparation import Preparation
from jupyter_gpu_containers.service.launch.run_time import RunTimes
from jupyter_gpu_containers.service.operations.operations import Operations
from jupyter_gpu_containers.service.pool.pool import Pool
from jupyter_gpu_containers.service.queue.demand import Demand
from jupyter_gpu_containers.service.queue.forecast import Forecast
from jupyter_gpu_containers.service.queue.queue import Queue
from jupyter_gpu_containers.service.recovery.reattach import Reattach
from jupyter_gpu_containers.service.recovery.reconcile import Reconciler
from jupyter_gpu_containers.service.recovery.records import Records
from jupyter_gpu_containers.service.recovery.server_id import Servers
from jupyter_gpu_containers.service.recovery.signing import Signer, load_key

from .catalogue import curated_entries, nvidia_matrix, own_entries
from .errors import InvalidRequestError
from .gpu_config import gpu_events, gpu_health
from .model import policy as rules_model
from .model.size import parse_size
from .policy_config import (
    all_rules,
    container_policy,
    idle_rules,
    machine_ram,
    spare_rules,
    system_settings,
)
from .ports import ContainerBackend, CredentialStore, Registry
from .registries.credentials import DockerCredentials
from .runtime import carried
from .runtime.deadly_signals import before_death
from .runtime.facts import FileImageFacts
from .service.policy import Gate
from .service.services import Services
from .service.sight import Sight
from .settings import GpuContainers

CONFIG_NAME = "jupyter_gpu_containers_config"


def build_services(
    config: Config | None = None,
    *,
    workspace: str | None = None,
    log: logging.Logger | None = None,
) -> Services:
    """Make the object graph.

    Parameters
    ----------
    config : traitlets.config.Config, optional
        With a section ``GpuContainers``.
    workspace : str, optional
        The server's root directory; the trait of this name wins.

    Raises
    ------
    InvalidRequestError
        A setting cannot be used.
    """
    system = system_settings(CONFIG_NAME)
    with _told():
        traits = GpuContainers(config=config or Config())
    log = log or logging.getLogger("jupyter_gpu_containers")
    caller = Caller(os.getuid(), os.getgid(), _login_name())
    owner = str(Owner.current())
    data = Path(jupyter_data_dir())
    rules = all_rules(traits, system)
    policy = container_policy(traits, system, rules)
    backend = _backend(traits)
    inventory = gpu_health(traits, data, log)
    signer = _signer(traits, data)
    sight = Sight(rules_model.shown(rules), caller.name, signer)
    servers = Servers(data / "gpu_containers" / "servers")
    records = Records(data / "gpu_containers" / "kernels", log=log)
    grace = traits.reattach_grace
    reconciler = Reconciler(backend, signer=signer, servers=servers, grace=grace, log=log)
    reconciler.is_taken = records.has
    catalogue = _catalogue(traits)
    # a catalogue of the user's own allows nothing that the system's files do not
    trusted = catalogue if system.carry_into_unknown_images else _catalogue(system)
    gate = Gate(
        rules,
        backend,
        user=caller.name,
        signer=signer,
        network=policy.network,
        known=lambda: [tag for entry in trusted.entries() for tag in entry.tags],
        mounts=policy.data_mounts,
        is_spare=reconciler.is_spare,
        ram=machine_ram(),
    )
    claims = Claims(
        backend,
        inventory,
        slots=policy.gpu_slots,
        reconciler=reconciler,
        monitoring=traits.monitoring_containers,
        sight=sight,
        log=log,
    )
    seats = Seats(
        run_root=_run_root(traits),
        home_root=data / "gpu_containers" / "homes",
        caller=caller,
        workspace=traits.workspace or workspace,
        env_names=traits.passed_variables,
        private=[data / "gpu_containers", Path(jupyter_runtime_dir())],
        kept=traits.warm_restart,
        log=log,
    )
    store = carried.RuntimeStore(
        data / carried.FOLDER, shared=[Path(p) for p in jupyter_path(str(carried.FOLDER))]
    )
    facts = FileImageFacts(data / "gpu_containers" / "images")
    verdicts = Verdicts(backend, inventory)
    kernels = Kernels(
        backend,
        claims,
        seats,
        policy,
        start_timeout=traits.start_timeout,
        runtimes=KernelRuntimes(backend, store, caller, owner, signer=signer, log=log),
        facts=facts,
        waivers=Waivers(backend, facts, verdicts),
        gate=gate,
        log=log,
    )
    images = Images(backend, facts, owner=owner, user=caller.name, signer=signer, gate=gate)
    environments = Environments(data / "kernels", KernelSpecManager().get_all_specs, gate=gate)
    credentials = DockerCredentials()
    registry = _registry(traits, credentials, catalogue)
    lookups = Lookups(backend)
    transfers = Transfers(backend, images, registry, credentials, lookups=lookups, log=log)
    jobs = Jobs(transfers, gate=gate, log=log)
    speeds = Speeds(data / "gpu_containers" / "speeds.json", log=log)
    jobs.on_change(speeds.note)
    forecast = None
    if (run_time := rules_model.run_time(rules)) is not None:
        forecast = Forecast(
            run_time[0], traits.start_timeout, owner, signer, server=lambda: seats.server
        )
    queue = Queue(claims, limit=traits.max_queue, forecast=forecast, log=log)
    launches = Launches(
        Preparation(environments, images, jobs),
        kernels,
        queue,
        attach_timeout=traits.attach_timeout,
        wait_for_gpus=traits.wait_for_gpus,
        gate=gate,
        log=log,
    )
    kernels.spares.modules_of = lambda environment: modules_for(
        environment.reference, traits.spare_modules
    )
    queue.reclaim = kernels.spares.give_up_gpus
    pool = Pool(
        spare_rules(traits),
        kernels,
        launches,
        demand=Demand(queue, data / "gpu_containers").is_there,
        log=log,
    )
    claims.on_release(pool.look_again)
    if run_time is not None:
        RunTimes(*run_time, kernels, launches, log=log)  # which tell it of every kernel
    operations = Operations(kernels, launches, jobs, inventory, traits, data, log=log)
    reconciler.on_left_behind = lambda container, waiting: operations.accounting.left_behind(
        container, waiting=waiting
    )
    return Services(
        backend,
        inventory,
        policy,
        gate,
        claims,
        images,
        environments,
        kernels,
        launches,
        registry,
        Logins(registry, credentials),
        verdicts,
        Inspection(
            backend, images, environments, registry, verdicts, catalogue, lookups, sight, speeds
        ),
        jobs,
        Commits(backend, images, jobs),
        Builds(
            backend,
            jobs,
            root=workspace,
            workspace=traits.workspace or None,
            limit=parse_size(traits.build_context_limit),
        ),
        servers,
        records,
        Reattach(backend, inventory, reconciler, kernels, launches, records, grace=grace, log=log),
        KernelWatch(
            backend, kernels, launches, inventory, sources=gpu_events(traits, inventory), log=log
        ),
        Idle(idle_rules(traits, rules), kernels, launches, inventory, log=log),
        GpuLoads(inventory, log=log),
        Changes(),
        Shells(backend, signer),
        pool,
        operations,
    )


def load_config(config_file: str | None = None) -> Config:
    """Read ``jupyter_gpu_containers_config.{py,json}`` from Jupyter's configuration path.

    Raises
    ------
    InvalidRequestError
        The file that was named does not exist, or one of them cannot be read.
    """
    reader = Application(raise_config_file_errors=True)
    folders, name = jupyter_config_path(), CONFIG_NAME
    if config_file is not None:
        if not Path(config_file).is_file():
            raise InvalidRequestError(f"There is no configuration file {config_file}.")
        folder, name = os.path.split(os.path.abspath(config_file))
        folders = [folder]
    with _told():
        reader.load_config_file(name, path=folders)
    return reader.config


@contextmanager
def _told() -> Iterator[None]:
    """Tell in a sentence what is wrong with a configuration."""
    try:
        yield
    except Exception as exc:  # whatever a file in Python may raise
        raise InvalidRequestError(
            f"The configuration cannot be used: {type(exc).__name__}: {str(exc)[:300]}",
            f"Correct {CONFIG_NAME}.py or .json.",
        ) from exc


def load_services(config_file: str | None = None, engine_url: str | None = None) -> Services:
    """Make the object graph for a program; an engine that is named counts before a file's."""
    config = load_config(config_file)
    if engine_url is not None:
        config.GpuContainers.update({"engine_url": engine_url, "backend": "docker"})
    return build_services(config)


def _remove_all() -> None:
    """Leave nothing behind at the end of a program that shut its kernels down only by ending."""
    if _shared is not None:
        try:
            asyncio.run(_shared.kernels.remove_all())
        except KeyboardInterrupt:  # who is in a hurry; a handler of atexit has nobody to tell
            logging.getLogger(__name__).warning("containers will be removed later: interrupted")
        finally:
            _shared.operations.close()


_shared: Services | None = None
_shared_lock = threading.Lock()


def share_services(services: Services | None) -> None:
    """Make a graph the process's own; the server extension does so with its configuration."""
    global _shared
    atexit.unregister(_remove_all)
    atexit.register(_remove_all)
    _shared = services


def shared_services() -> Services:
    """Return the process's graph, made from configuration files where nobody shared one.

    jupyter_client gives a provisioner no other door to objects that outlive one kernel.
    """
    with _shared_lock:
        if _shared is None:
            share_services(load_services())
            before_death(_remove_all)  # a program's: servers and ours share their own
        assert _shared is not None
        return _shared


def _backend(traits: GpuContainers) -> ContainerBackend:
    if traits.backend == "memory":
        from .backends.memory import MemoryBackend

        return MemoryBackend()
    from .backends.docker import DockerBackend

    injection = cast('Literal["auto", "cdi", "nvidia"]', traits.gpu_injection)
    return DockerBackend(traits.engine_url or None, injection=injection)


def _registry(
    traits: GpuContainers, credentials: CredentialStore, catalogue: Catalogue
) -> Registry:
    if traits.backend == "memory":
        from .backends.memory.remote import MemoryRegistry

        return MemoryRegistry(
            [tag for entry in catalogue.entries() for tag in entry.tags], credentials
        )
    from .registries.client import RegistryClient

    return RegistryClient(
        credentials,
        mirrors=traits.registry_mirrors,
        insecure=traits.insecure_registries,
        trusted_realms=traits.trusted_realms,
        cache=Path(jupyter_data_dir()) / "gpu_containers" / "registries",
    )


def _signer(traits: GpuContainers, data: Path) -> Signer:
    if traits.signing_key_file:
        return Signer(load_key(Path(traits.signing_key_file), shared=True))
    return Signer(load_key(data / "gpu_containers" / "key"))


def _catalogue(traits: GpuContainers) -> Catalogue:
    return Catalogue(
        curated_entries(),
        nvidia_matrix(),
        own=own_entries(traits.catalogue_entries),
        hidden=traits.catalogue_hidden,
    )


def _run_root(traits: GpuContainers) -> Path:
    if traits.run_dir:
        return Path(traits.run_dir)
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if runtime and os.path.isdir(runtime):
        return Path(runtime, "jupyter-gpu")
    return Path(f"/tmp/jupyter-gpu-{os.getuid()}")


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without an entry in passwd
        return f"uid{os.getuid()}"
