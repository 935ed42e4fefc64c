"""What an administrator or user can set: the traits of ``jupyter_gpu_containers_config.py``."""

from __future__ import annotations

import os

from traitlets import Bool, Dict, Enum, Float, Int, List, Unicode

from jupyter_gpu_containers.model.kernel.container import Network

from .policy_settings import PolicySettings

DATA_FOLDER = "/data"  # where named data mounts appear in a container


class GpuContainers(PolicySettings):
    """What an administrator or user can set, in ``jupyter_gpu_containers_config.py``."""

    backend = Enum(
        ["docker", "memory"],
        default_value=os.environ.get("JUPYTER_GPU_CONTAINERS_BACKEND", "docker"),
        help="""Container engine: "docker" (Docker Engine, or Podman's Docker-compatible socket),
        or "memory" (a demonstration: kernels are local processes). Default: the variable
        JUPYTER_GPU_CONTAINERS_BACKEND, else "docker".""",
    ).tag(config=True)
    engine_url = Unicode(
        "",
        help="""URL of the engine's socket, such as unix:///run/user/1000/docker.sock. Default:
        DOCKER_HOST, else the first socket of Docker or Podman that exists.""",
    ).tag(config=True)
    gpu_injection = Enum(
        ["auto", "cdi", "nvidia"],
        default_value="auto",
        help="""How the engine is asked for GPUs: CDI device names, the "nvidia" device driver, or
        CDI where the engine lists the device ("auto").""",
    ).tag(config=True)
    fixed_gpus = List(
        Dict(),
        default_value=None,
        allow_none=True,
        help="""GPUs to assume instead of asking NVML, each {"name", "memory_gib",
        "compute_capability", "count", ...}; [] = none. For rehearsals and CI.""",
    ).tag(config=True)
    gpu_slots = Dict(
        help="""How many kernels may share a GPU, each using it when the others do not; nothing
        keeps one from taking all of its memory. {GPU: number}, where GPU is an index, a UUID, or
        "*" for all others; a GPU that is not named belongs to one kernel.""",
    ).tag(config=True)
    workspace = Unicode(
        "",
        help="""Folder that is mounted into kernels, at the same path. Default: the server's root
        directory; for papermill and the like, the current directory.""",
    ).tag(config=True)
    data_mounts = Dict(
        value_trait=Unicode(),
        key_trait=Unicode(),
        help=f"""Folders that kernels see as {DATA_FOLDER}/NAME: {{NAME: host folder}}; read-only
        unless ":rw" stands behind the folder.""",
    ).tag(config=True)
    network = Enum(
        [network.value for network in Network],
        default_value=Network.BRIDGE.value,
        help='"bridge": kernels reach the internet; "none": only themselves (starts faster).',
    ).tag(config=True)
    memory = Unicode(
        "80%",
        help="""Memory limit of a kernel unless its environment has one: "16g", or a percentage
        of the host's memory.""",
    ).tag(config=True)
    shm_size = Unicode(
        "4g", help="Size of /dev/shm (counts as memory when used); PyTorch's data loaders need it."
    ).tag(config=True)
    pids_limit = Int(4096, min=16, help="Most processes and threads in a container.").tag(
        config=True
    )
    environment_variables = Dict(
        value_trait=Unicode(), key_trait=Unicode(), help="Variables that every kernel gets."
    ).tag(config=True)
    passed_variables = List(
        Unicode(),
        default_value=["TZ", "JPY_SESSION_NAME"],
        help="Names of variables that are passed on from the server's environment; no others are.",
    ).tag(config=True)
    start_timeout = Float(
        60.0, min=1.0, help="Seconds from a container's start to its kernel's first answer."
    ).tag(config=True)
    attach_timeout = Float(
        60.0,
        min=0.0,
        help="""Seconds after which a launched kernel is shut down again when no notebook took it
        (its page was closed meanwhile).""",
    ).tag(config=True)
    monitoring_containers = List(
        Unicode(),
        help="""Names of other people's containers, "*dcgm-exporter*" and the like are patterns,
        that only watch GPUs: these count as free all the same.""",
    ).tag(config=True)
    reattach_grace = Float(
        900.0,
        min=0.0,
        help="""Seconds for which a kernel outlives a Jupyter server that crashed: the next server
        in the same folder takes it over. Ordinary shutdown stops kernels at once.""",
    ).tag(config=True)
    signing_key_file = Unicode(
        "",
        help="""File with the key that signs containers' labels, where several users' kernels are
        managed together; default: a key of the user's own, which is made when it is needed.""",
    ).tag(config=True)
    max_queue = Int(
        50, min=0, help="Most launches of a server that wait for GPUs; 0 = none waits."
    ).tag(config=True)
    wait_for_gpus = Float(
        0.0,
        min=0.0,
        help="""Seconds that a kernel which Jupyter itself starts (launcher, restored session,
        papermill) waits for GPUs; 0 = it fails at once.""",
    ).tag(config=True)
    warm_restart = Bool(
        True,
        help="""Whether the container of an ipykernel goes on while the kernel is restarted, and the
        next one is begun while the last one ends. It costs each kernel some 4 MB. False: the
        container is started again.""",
    ).tag(config=True)
    spare_kernels = Int(
        0,
        min=0,
        help="""How many containers wait, with the interpreter up, for the next kernel of each
        environment that was started lately; 0 = none. Each takes some 50 MB. For environments
        with GPUs see spare_gpus.""",
    ).tag(config=True)
    spare_gpus = Int(
        0,
        min=0,
        help="""Most GPUs that containers which wait may hold, in all; only while nobody waits for
        GPUs. 0 = none: then only environments without GPUs have containers that wait.""",
    ).tag(config=True)
    spare_modules = Dict(
        value_trait=List(Unicode()),
        key_trait=Unicode(),
        help="""Modules that containers which wait have imported already, by pattern of image
        references: {"nvcr.io/nvidia/pytorch:*": ["torch"]}. They take memory while they wait.""",
    ).tag(config=True)
    max_spare_kernels = Int(2, min=0, help="Most containers of a server that wait in all.").tag(
        config=True
    )
    spare_timeout = Float(
        1800.0,
        min=0.0,
        help="Seconds after an environment's last start for which containers wait for the next.",
    ).tag(config=True)
    idle_timeout = Float(
        0.0,
        min=0.0,
        help="""Seconds after which an idle kernel that holds GPUs is warned of and then stopped,
        unless its environment says otherwise; 0 = never.""",
    ).tag(config=True)
    idle_warning = Float(
        600.0, min=0.0, help="Seconds between the warning and the stop of an idle kernel."
    ).tag(config=True)
    idle_gpu_utilization = Int(
        5, min=0, max=100, help="Percent of utilisation up to which a GPU counts as idle."
    ).tag(config=True)
    gpu_look_interval = Float(
        30.0,
        min=0.0,
        help="""Seconds between two looks at the GPUs while kernels hold some, for the metric of
        those that are used and for the report; 0 = look only when a page or a rule does.""",
    ).tag(config=True)
    audit_file = Unicode(
        "",
        allow_none=True,
        help="""File of the audit trail; None = there is none. Default:
        gpu_containers/audit.jsonl in Jupyter's data directory.""",
    ).tag(config=True)
    audit_file_size = Unicode(
        "10m", help="Size after which a new file of the audit trail is begun."
    ).tag(config=True)
    audit_files_kept = Int(9, min=1, help="How many older files of the audit trail are kept.").tag(
        config=True
    )
    accounting_dir = Unicode(
        "",
        allow_none=True,
        help="""Folder of the ledger of GPU use, of this user or of all of the machine; None = there
        is none. Default: gpu_containers/accounting in Jupyter's data directory.""",
    ).tag(config=True)
    accounting_interval = Float(
        300.0,
        min=1.0,
        help="Seconds after which the use of a GPU that is held is written into the ledger.",
    ).tag(config=True)
    accounting_file_size = Unicode(
        "20m", help="Size after which a new file of a month's ledger is begun."
    ).tag(config=True)
    accounting_months = Int(13, min=1, help="How many months the ledger keeps.").tag(config=True)
    registry_mirrors = Dict(
        value_trait=List(Unicode()),
        key_trait=Unicode(),
        help="""Addresses to ask for images of a registry before the registry itself, as the engine
        is set up to do: {"docker.io": ["https://mirror.example.org"]}.""",
    ).tag(config=True)
    insecure_registries = List(
        Unicode(),
        help="""Hosts of registries whose certificate is not checked, or that speak plain HTTP;
        loopback ones may do so anyway. The engine has a setting of its own.""",
    ).tag(config=True)
    trusted_realms = Dict(
        value_trait=List(Unicode()),
        key_trait=Unicode(),
        help="""Hosts of token servers that may see the logins of a registry of another domain:
        {"registry.example.org": ["sso.example.com"]}.""",
    ).tag(config=True)
    build_context_limit = Unicode(
        "1g",
        help="""Most bytes that are sent to the engine for one build, after .dockerignore.""",
    ).tag(config=True)
    catalogue_entries = List(
        Dict(),
        help="""Images to offer beside the curated ones, each {"name", "reference", "title",
        "description", "link", "licence", "framework", "vendor", "tags"}; name and reference must
        be there. One with the name of a curated entry takes its place.""",
    ).tag(config=True)
    catalogue_hidden = List(
        Unicode(),
        help="""Names of curated entries that are not offered; "ngc-*" and the like are
        patterns, and "*" leaves only those of catalogue_entries.""",
    ).tag(config=True)
    run_dir = Unicode(
        "",
        help="""Folder for connection files and sockets: short, private, on a local file system.
        Default: below XDG_RUNTIME_DIR, else /tmp/jupyter-gpu-UID.""",
    ).tag(config=True)
