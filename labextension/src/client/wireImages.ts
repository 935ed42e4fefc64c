// The wire format of images, registries and jobs; more of `jupyter_gpu_containers/web/openapi.yaml`.
import { IImage, IProblem } from './wire';

/** Whether an image runs here. `cpu`: it wants no GPU; `gpu-broken`: the GPU is the problem. */
export type Rating =
  | 'compatible'
  | 'likely'
  | 'unverified'
  | 'incompatible'
  | 'gpu-broken'
  | 'cpu';

/** One finding, and what it rests on. */
export interface IReason {
  /** Stable identifier in snake_case. */
  code: string;
  /** One sentence with the numbers. */
  message: string;
  /** Where that is known from; may be empty. */
  evidence: string;
  severity: Severity;
}

/**
 * What a reason does to its verdict: nothing, speaks for it, keeps it from being certain, speaks
 * against it.
 */
export type Severity = 'info' | 'ok' | 'warning' | 'problem';

/** How an image and one GPU get on. */
export interface IGpuVerdict {
  index: number;
  verdict: Rating;
  /** Of the driver's version, for example "native" or "too-old"; empty where not asked. */
  driver: string;
  /** Of the compute capability, for example "ok" or "no-kernel"; empty where not asked. */
  arch: string;
  /** Of `NVIDIA_REQUIRE_*`: "pass", "fail" or "error"; empty where not asked. */
  requirement: string;
  reasons: IReason[];
}

/** How an image and this machine get on. */
export interface IVerdict {
  /** That of the best GPU. */
  verdict: Rating;
  gpus: IGpuVerdict[];
  /** What holds whatever the GPU. */
  reasons: IReason[];
}

/** One image, on the engine or only in a registry, which knows less. */
export interface IImageDetails extends Omit<IImage, 'size' | 'verdict'> {
  /** As it was asked for. */
  reference: string;
  on_engine: boolean;
  /** Bytes on disk; null when it is only in a registry. */
  size: number | null;
  /** Bytes still to fetch; 0 when it is on the engine, null = not known. */
  download: number | null;
  /** Seconds that the download should take, by recent ones; null = nobody can tell. */
  fetch_seconds: number | null;
  /** What the reference names in its registry, "sha256:…"; null where it was never in one. */
  digest: string | null;
  /** "linux/amd64" and the like, all that the registry offers; empty = not known. */
  platforms: string[];
  verdict: IVerdict;
}

/** An image that is recommended. */
export interface ICatalogueEntry {
  name: string;
  title: string;
  description: string;
  reference: string;
  /** Its page on the web; may be empty. */
  link: string;
  licence: string;
  framework: string | null;
  vendor: string;
  verdict: IVerdict | null;
  on_engine: boolean;
  /** In bytes; null = not known. */
  download: number | null;
  /** Seconds that the download should take, by recent ones; null = nobody can tell. */
  fetch_seconds: number | null;
  /** References of other versions, newest first. */
  tags: string[];
  /** The newest of them that this machine can run; null = none, or not known. */
  runs_here?: string | null;
}

/** A repository that Docker Hub's search found. */
export interface ISearchResult {
  name: string;
  description: string;
  stars: number;
  official: boolean;
}

/** Tags of a repository, newest first. */
export interface ITags {
  repository: string;
  tags: string[];
  /** How many there are, of which `tags` may be the first. */
  total: number;
}

/** A registry that this user is logged in to. */
export interface ILogin {
  host: string;
  username: string;
}

/** A login that a registry accepted. */
export interface INewLogin extends ILogin {
  /** A credential helper or a file, in words. */
  kept_in: string;
}

/** What a job does. */
export type JobKind = 'pull' | 'push' | 'build' | 'commit';

/** Where a job is; the last three are final. */
export type JobState =
  'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled';

/** A part of a job, such as a layer. */
export interface IStep {
  /** Short id of the layer; empty for words about the whole. */
  id: string;
  /** The engine's words. */
  status: string;
  /** In bytes. */
  current: number;
  /** In bytes; null = not known. */
  total: number | null;
  done: boolean;
}

/** A pull, push, build or commit. */
export interface IJob {
  id: string;
  kind: JobKind;
  reference: string;
  state: JobState;
  /** ISO 8601, like the next. */
  created: string;
  ended: string | null;
  /** Bytes that were transferred. */
  current: number;
  /** In bytes; null = not known. */
  total: number | null;
  /** Bytes per second; null = not known. */
  speed: number | null;
  /** Seconds; null = not known. */
  eta: number | null;
  /** Of the image that came of it. */
  image_id: string | null;
  error: IProblem | null;
  steps: IStep[];
  /** The last lines of a build. */
  log: string[];
}

/** What a build or commit is made from. */
export interface IJobSource {
  build?: INewBuild;
  /** Id of the launch whose container is committed. */
  launch?: string;
}

/** What is to be built: one of the first four, the latter two on a base. */
export interface INewBuild {
  /** Text of a Dockerfile. */
  dockerfile?: string;
  /** Path of the Contents API; with the Dockerfile in it. */
  folder?: string;
  /** Text of a requirements.txt. */
  requirements?: string;
  /** Text of an environment.yml. */
  environment?: string;
  /** The Dockerfile's path in the folder. */
  file?: string;
  /** Reference of the base image. */
  base?: string;
}

/** A package that came, went, or has another version. */
export interface IPackageChange {
  manager: 'pip' | 'conda' | 'apt';
  name: string;
  kind: 'added' | 'changed' | 'removed';
  /** A version; null = none, or not known. */
  before: string | null;
  after: string | null;
}

/** What an image of a kernel's container would have that its image has not. */
export interface IChanges {
  /** Name of the image that the container was made of. */
  image: string;
  image_id: string;
  /** In bytes; null = not known. */
  size: number | null;
  /** Files. */
  added: number;
  changed: number;
  removed: number;
  /** Largest first; the size is in bytes. */
  folders: { folder: string; files: number; size: number }[];
  packages: IPackageChange[];
  /** Files that may hold secrets. */
  credentials: { path: string; reason: string }[];
  /** What the kernel sees and the image will not have. */
  left_out: {
    path: string;
    reason: string;
    size: number | null;
    packages: string[];
  }[];
  dockerfile: string;
  /** What the Dockerfile copies, by name. */
  files: Record<string, string>;
}
