// The wire format of `/gpu-containers/`, as `jupyter_gpu_containers/web/openapi.yaml` lays it down.
import { IVerdict } from './wireImages';

/** A failure in words. */
export interface IProblem {
  /** Stable identifier in snake_case. */
  code: string;
  /** One sentence for people. */
  message: string;
  /** What the reader can do about it; may be empty. */
  hint: string;
  /** Of a launch: the last lines that its kernel or container wrote. */
  log?: string;
}

/** Which engine stands behind, and whether it answers. */
export interface IStatus {
  version: string;
  backend: 'docker' | 'memory';
  /** Whether kernels are local processes and nothing is contained. */
  demo: boolean;
  engine: { name: string; version: string; api_version: string } | null;
  problem: IProblem | null;
  /** Containers that wait for the next kernels; bytes of all, null where nobody can say. */
  spares: { count: number; memory: number | null; gpus: number };
  /** What is wrong with this machine. */
  findings: IFinding[];
}

/** Something that is wrong with the machine, as `doctor` has found it. */
export interface IFinding {
  /** Of the check: "disk". */
  name: string;
  message: string;
  /** A command to paste. */
  fix: string;
  /** What is to be known before that; may be empty. */
  advice: string;
}

/** GPUs of the machine. No driver and no GPU are answers too. */
export interface IGpus {
  driver: { version: string; cuda_version: string | null } | null;
  problem: IProblem | null;
  gpus: IGpu[];
  links: IGpuLink[];
  /** Most GPUs that a kernel may have; null where no rule limits them. */
  max_per_kernel: number | null;
}

/** What a kernel gets by default, and may have at most. */
export interface ILimits {
  memory: ILimit;
  shm_size: ILimit;
  /** Of a kernel; null where no rule limits them. */
  gpus: { max: number | null };
  mounts: IDataMount[];
  /** That an environment may choose. */
  networks: ('bridge' | 'none')[];
  /** Bytes that the machine has; null where it is not known. */
  ram: number | null;
}

/** What waits for kernels to come. */
export interface ISpares {
  /** Most that wait at once; 0 = none does. */
  max: number;
  spares: ISpare[];
}

/** A container that waits for the next kernel of its environment. */
export interface ISpare {
  environment: string;
  display_name: string;
  container_id: string;
  /** Its interpreter is up. */
  ready: boolean;
  /** In bytes; null where nobody can say. */
  memory: number | null;
  /** UUIDs of those that it holds. */
  gpus: string[];
}

/** A size's default and maximum. */
export interface ILimit {
  /** In bytes; null = no limit. */
  default: number | null;
  /** In bytes, by rules and the machine's RAM; null where neither limits them. */
  max: number | null;
}

/** A folder of data that a kernel may have. */
export interface IDataMount {
  name: string;
  /** In the container. */
  path: string;
  read_only: boolean;
  /** Also where nobody names it. */
  default: boolean;
}

/** How two GPUs reach each other. */
export interface IGpuLink {
  /** UUIDs. */
  gpus: string[];
  /** As `nvidia-smi topo -m` names it. */
  name: string;
  distance: number;
}

/** A GPU, or a MIG instance (then `parent_uuid` is set). */
export interface IGpu {
  uuid: string;
  index: number;
  name: string;
  /** In bytes, like the other two. */
  memory_total: number;
  memory_used: number;
  memory_free: number;
  /** In percent. */
  utilization: number | null;
  compute_capability: string | null;
  mig_profile: string | null;
  parent_uuid: string | null;
  /**
   * `claimed` by containers of ours, `shared` by such and to be had by another one, `in_use` by
   * another process.
   */
  state: 'free' | 'shared' | 'claimed' | 'in_use' | 'unavailable';
  problem: IProblem | null;
  /** Kernels that may hold it at once. */
  slots: number;
  slots_used: number;
  /** The first of the holders. */
  holder: IHolder | null;
  holders: IHolder[];
}

/** The container that holds a GPU. */
export interface IHolder {
  container_id: string;
  kernel_id: string;
  environment: string;
  display_name: string;
  notebook: string;
  /** Login name. */
  owner: string;
  /** Whether this server drives it. */
  mine: boolean;
  /** Bytes that its processes hold on this GPU; null where nobody can say. */
  memory_used: number | null;
  /** When it claimed the GPU, as ISO 8601; null where that must not be told. */
  since: string | null;
  /** Percent, since then; null where this server has not measured it. */
  mean_utilization: number | null;
}

/** What has changed of GPUs since the last such event; data of the event `gpu-load/v1`. */
export interface IGpuLoads {
  /** ISO 8601. */
  at: string;
  gpus: {
    uuid: string;
    memory_used: number;
    utilization: number | null;
    holders: Pick<IHolder, 'container_id' | 'memory_used'>[];
  }[];
}

/** What is told of by the event `changed/v1`. */
export type ChangedResource =
  'status' | 'gpus' | 'images' | 'environments' | 'registries';

/** A kernel inside an image. */
export interface IImageKernel {
  name: string;
  display_name: string;
  language: string;
  /** It is not in the image; a fitting one is mounted into its containers. */
  carried?: boolean;
}

/** An image on the engine. */
export interface IImage {
  id: string;
  references: string[];
  /** Its names in registries: "repository@sha256:…". */
  digests: string[];
  /** In bytes. */
  size: number;
  /** ISO 8601. */
  created: string;
  architecture: string | null;
  framework: { name: string; version: string | null } | null;
  cuda: string | null;
  python: string | null;
  /** null = not looked into yet. */
  kernels: IImageKernel[] | null;
  /** Why it cannot be started here. */
  problem: IProblem | null;
  /** Whether it runs here; null = too little is known of it yet. */
  verdict: IVerdict | null;
}

/** An environment: a kernelspec of ours. */
export interface IEnvironment {
  name: string;
  display_name: string;
  reference: string;
  image_id: string;
  kernel: string;
  gpus: number;
  gpu_profile: string | null;
  gpu_uuids: string[];
  /** In bytes. */
  memory: number | null;
  /** In bytes. */
  shm_size: number | null;
  /** What its kernels can reach; null: what the configuration says. */
  network: 'bridge' | 'none' | null;
  /** Seconds that its kernels may be idle; 0: for ever; null: what the configuration says. */
  idle_timeout: number | null;
  /** Names of data mounts; null: those of the configuration. */
  mounts: string[] | null;
  problem: IProblem | null;
}

/** Where a launch is; the last three are final. */
export type Phase =
  | 'queued'
  | 'pulling'
  | 'waiting'
  | 'creating'
  | 'starting'
  | 'running'
  | 'failed'
  | 'cancelled';

/** A request to start a kernel: either an environment or an image. */
export interface INewLaunch {
  environment?: string;
  image?: string;
  kernel?: string;
  gpus?: number;
  /** MIG instances of this profile instead of whole GPUs. */
  gpu_profile?: string;
  /** These GPUs and no others. */
  gpu_uuids?: string[];
  /** In bytes, like the next; null: what the configuration says. */
  memory?: number | null;
  shm_size?: number | null;
  /** Names of data mounts; null: those of the configuration. */
  mounts?: string[] | null;
  /** Fetch the image when it is not on this machine. */
  pull?: boolean;
  /** The notebook's, Contents API. */
  path?: string;
  /** Kernel whose GPUs may be handed over. */
  replaces?: string | null;
}

/** Where a launch stands in the queue for GPUs. */
export interface IQueuePlace {
  /** 1 = next. */
  position: number;
  /** How many wait. */
  length: number;
  /** How many GPUs, or MIG instances, it waits for. */
  gpus: number;
  /** ISO 8601. */
  since: string;
  /** Seconds until it starts, at most; null = nobody can tell. */
  estimate: number | null;
  /** Who has the GPUs that it waits for, in words. */
  holders: string[];
}

/** How the fetching of a launch's image gets on. */
export interface IPullProgress {
  /** Id of the job that fetches it. */
  job: string;
  /** In bytes, like the next one. */
  current: number;
  /** null = not known yet. */
  total: number | null;
  /** Bytes per second. */
  speed: number | null;
  /** Seconds to go. */
  eta: number | null;
}

/** A kernel that nobody uses, and that will be stopped for it. */
export interface IIdleness {
  /** When it was used last; ISO 8601, like the other. */
  since: string;
  /** When it will be stopped, unless it is used before. */
  stop_at: string;
}

/** One launch, from asked to running, and the end of its kernel. */
export interface ILaunch {
  id: string;
  environment: string;
  display_name: string;
  image: string;
  path: string;
  kernel_id: string | null;
  container_id: string | null;
  /** UUIDs. */
  gpus: string[];
  phase: Phase;
  /** Times in ISO 8601. */
  phases: { phase: Phase; at: string }[];
  error: IProblem | null;
  /** While the phase is `waiting`. */
  queue: IQueuePlace | null;
  /** While the phase is `pulling`. */
  pull: IPullProgress | null;
  /** Set from the warning on that the kernel will be stopped; null once it is used again. */
  idle: IIdleness | null;
  /** The server was started anew while the kernel ran, and took it over. */
  recovered: boolean;
  /** What its user should know of a kernel that runs on. */
  warnings: IProblem[];
}
