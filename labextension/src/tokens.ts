// What other extensions may rely on: the state of GPUs, images and launches, and the way to switch.
import { ISessionContext } from '@jupyterlab/apputils';
import { Token } from '@lumino/coreutils';
import { IDisposable } from '@lumino/disposable';
import { ISignal } from '@lumino/signaling';
import {
  IEnvironment,
  IGpus,
  IImage,
  ILaunch,
  ILimits,
  INewLaunch,
  IProblem,
  IStatus
} from './client/wire';
import {
  ICatalogueEntry,
  IChanges,
  IImageDetails,
  IJob,
  IJobSource,
  ILogin,
  INewLogin,
  ISearchResult,
  ITags,
  JobKind
} from './client/wireImages';

/** Translation domain of the extension. */
export const DOMAIN = 'jupyter_gpu_containers';

/** GPUs, images and launches of this server. */
export const IGpuContainersModel = new Token<IGpuContainersModel>(
  'jupyter-gpu-containers:IGpuContainersModel',
  'The GPUs, images, environments and kernel launches of this server.'
);

/** What is loaded by itself, and can fail by itself. */
export type Resource =
  'status' | 'gpus' | 'images' | 'environments' | 'launches';

/** The state of GPUs, images and launches; it knows no widgets. */
export interface IGpuContainersModel extends IDisposable {
  /** Whether the server half answers; null until it was asked. */
  readonly available: boolean | null;
  /** Why the last refresh failed, or null. */
  readonly problem: IProblem | null;
  /** The same for each part of it. */
  readonly problems: Readonly<Partial<Record<Resource, IProblem>>>;
  /** null until loaded, like the next three. */
  readonly status: IStatus | null;
  readonly gpus: IGpus | null;
  readonly images: readonly IImage[] | null;
  readonly environments: readonly IEnvironment[] | null;
  /** What kernels may have; null until `loadLimits`, and where the server does not tell. */
  readonly limits: ILimits | null;
  /** Newest first. */
  readonly launches: readonly ILaunch[];
  /** Emitted after any change. */
  readonly changed: ISignal<IGpuContainersModel, void>;
  /** Emitted when a launch is new, entered another phase, or has changed within it. */
  readonly launchChanged: ISignal<IGpuContainersModel, ILaunch>;
  /** Resolved once the launches in progress are known, or the server half is known to be missing. */
  readonly ready: Promise<void>;
  /** Load everything anew; failures are in `problem`. */
  refresh(): Promise<void>;
  /** Keep the state fresh until the returned object is disposed of. */
  watch(): IDisposable;
  /** Say that something has changed: it is loaded again once somebody looks. */
  outdated(resource: Resource): void;
  /** One image, on the engine (then looked into for its kernels) or in its registry. */
  details(reference: string): Promise<IImageDetails>;
  /** What {@link details} told last of a reference; null where nobody has asked in this page. */
  known(reference: string): IImageDetails | null;
  /** Load the limits where that was not done yet; never rejects. */
  loadLimits(): Promise<void>;
  /** Load the GPUs where that was not done yet; never rejects. */
  loadGpus(): Promise<void>;
  /** What has changed in a running kernel's container. */
  changes(id: string): Promise<IChanges>;
  /** Give an image another name. */
  tag(source: string, reference: string): Promise<void>;
  /** Take a name off an image, and delete it with its last one; returns what went. */
  remove(reference: string, force?: boolean): Promise<string[]>;
  /** Ask for a kernel. */
  launch(request: INewLaunch): Promise<ILaunch>;
  /** Cancel a launch; of a running one, shut the kernel down. One that is gone is fine. */
  cancel(id: string): Promise<void>;
  /** Start a launch that waits for a GPU now, without one. */
  startOnCpu(id: string): Promise<ILaunch>;
  /** Keep a running kernel from being stopped for idleness: from now on it counts as used. */
  keepAlive(id: string): Promise<ILaunch>;
  /** Remove the containers that wait for kernels to come. */
  giveUpSpares(): Promise<void>;
  /** Resolves with the launch once it is running, failed or cancelled. */
  settled(id: string): Promise<ILaunch>;
}

/** Moves notebooks to launched kernels. */
export const IKernelSwitcher = new Token<IKernelSwitcher>(
  'jupyter-gpu-containers:IKernelSwitcher',
  'Starts kernels in containers and attaches notebooks to them.'
);

/** Starts kernels for notebooks and attaches them; the old kernel stays until the new one runs. */
export interface IKernelSwitcher {
  /** Emitted when a switch begins, moves on or ends. */
  readonly changed: ISignal<IKernelSwitcher, ISessionContext>;
  /** Emitted when a switch failed; the notebook has the kernel that it had. */
  readonly failed: ISignal<IKernelSwitcher, IKernelSwitcher.IFailure>;
  /**
   * Start a kernel for a notebook and attach it. A switch already under way is given up for it;
   * the notebook's path, and what is replaced, are filled in.
   *
   * @returns whether the notebook has the new kernel
   */
  start(context: ISessionContext, what: INewLaunch): Promise<boolean>;
  /**
   * Attach a launch that was begun earlier, for example before the page was reloaded.
   *
   * @returns whether the notebook has the new kernel
   */
  follow(context: ISessionContext, launch: ILaunch): Promise<boolean>;
  /** The switch under way for a notebook, or null. */
  pending(context: ISessionContext): IKernelSwitcher.ISwitch | null;
  /** The image and GPUs of an environment, or null where the kernelspec is none of ours. */
  environment(kernelName: string): IKernelSwitcher.IFacts | null;
}

/** Types of the kernel switcher. */
export namespace IKernelSwitcher {
  /** What a kernelspec of ours says of its environment. */
  export interface IFacts {
    /** Image reference. */
    image: string;
    /** What the image is in its registry, "sha256:…"; null or missing where it was never in one. */
    digest?: string | null;
    /** Name of the kernel in the image. */
    kernel?: string;
    /** Number of GPUs. */
    gpus: number;
    /** Their MIG profile, where they are MIG instances. */
    gpu_profile?: string;
  }

  /** A switch under way. */
  export interface ISwitch {
    /** null until the server accepted the request. */
    readonly launch: ILaunch | null;
    /** Whether the notebook has the new kernel; never rejects. */
    readonly done: Promise<boolean>;
  }

  /** A switch that failed. */
  export interface IFailure {
    context: ISessionContext;
    /** What was to be started, or empty where not known. */
    displayName: string;
    /** Reference of the image, or empty where not known. */
    image: string;
    problem: IProblem;
    /** null where the server did not accept the request. */
    launch: ILaunch | null;
  }
}

/** Questions in the place of JupyterLab's choice of a kernel. */
export const IKernelQuestions = new Token<IKernelQuestions>(
  'jupyter-gpu-containers:IKernelQuestions',
  'Questions that take the place of JupyterLab’s choice of a kernel.'
);

/** What is asked before JupyterLab asks which kernel a notebook is to have. */
export interface IKernelQuestions {
  /** Have this asked for a notebook, until the returned object is disposed of. */
  set(context: ISessionContext, ask: IKernelQuestions.Ask): IDisposable;
  /** Ask, if there is something; returns whether JupyterLab need not ask any more. */
  ask(context: ISessionContext): Promise<boolean>;
}

/** Types of the questions. */
export namespace IKernelQuestions {
  /** Asks; returns whether JupyterLab need not ask any more. */
  export type Ask = () => Promise<boolean>;
}

/** What people have set. */
export const IPreferences = new Token<IPreferences>(
  'jupyter-gpu-containers:IPreferences',
  'What people have set of kernels in containers.'
);

/** The settings, as they are now; until they are loaded, the usual ones. */
export interface IPreferences extends IDisposable {
  readonly values: IPreferences.IValues;
  /** Emitted when one of them has changed. */
  readonly changed: ISignal<IPreferences, IPreferences.IValues>;
}

/** Types of the settings. */
export namespace IPreferences {
  /** See `schema/commands.json`. */
  export interface IValues {
    /** Show a notification while a kernel is started. */
    readonly launchNotifications: boolean;
    /** Show the button in the toolbar of notebooks. */
    readonly toolbarButton: boolean;
    /** Say what will be lost before a notebook is moved to another container. */
    readonly confirmLosses: boolean;
    /** Write down in a notebook's metadata in which image it has run. */
    readonly rememberInNotebooks: boolean;
  }
}

/** Pulls and pushes. */
export const IJobsModel = new Token<IJobsModel>(
  'jupyter-gpu-containers:IJobsModel',
  'The pulls and pushes of this server.'
);

/** The jobs of the server, whoever asked for them. */
export interface IJobsModel extends IDisposable {
  /** Newest first. */
  readonly jobs: readonly IJob[];
  /** Emitted after any change. */
  readonly changed: ISignal<IJobsModel, void>;
  /** Emitted when a job that was seen in progress has ended. */
  readonly ended: ISignal<IJobsModel, IJob>;
  /**
   * Begin a job; where the same one is in progress, that one is meant.
   *
   * @param what - what else is to be said, such as `{ build: … }`
   */
  start(kind: JobKind, reference: string, what?: IJobSource): Promise<IJob>;
  /** Cancel a job. One that is gone is fine. */
  cancel(id: string): Promise<void>;
  /** Resolves with the job once it succeeded, failed or was cancelled. */
  settled(id: string): Promise<IJob>;
  /** Whether a job was asked for in this page. */
  isOwn(id: string): boolean;
  /** Show an ended job no longer. */
  dismiss(id: string): void;
}

/** Registries, and what can be had from them. */
export const IRegistriesModel = new Token<IRegistriesModel>(
  'jupyter-gpu-containers:IRegistriesModel',
  'Registries of images: logins, catalogue, search and tags.'
);

/** What can be had from registries; answers are not kept, but for logins and recommendations. */
export interface IRegistriesModel extends IDisposable {
  /** null until loaded. */
  readonly logins: readonly ILogin[] | null;
  /** Why the logins could not be loaded, or null. */
  readonly problem: IProblem | null;
  /** The images that are recommended; null until loaded. */
  readonly recommended: readonly ICatalogueEntry[] | null;
  /** Why they could not be loaded, or null. */
  readonly recommendedProblem: IProblem | null;
  /** Emitted when the logins, or what is recommended, have changed. */
  readonly changed: ISignal<IRegistriesModel, void>;
  /** Load the logins; failures are in `problem`. */
  refresh(): Promise<void>;
  /** Load what is recommended; failures are in `recommendedProblem`. */
  loadRecommended(): Promise<void>;
  /** Log in; the registry is asked whether it accepts the secret. */
  login(host: string, secret: string, username?: string): Promise<INewLogin>;
  /** Forget a login. */
  logout(host: string): Promise<void>;
  /** The images that are recommended. */
  catalogue(): Promise<ICatalogueEntry[]>;
  /** Search Docker Hub. */
  search(query: string): Promise<ISearchResult[]>;
  /** Tags of a reference's repository, newest first. */
  tags(reference: string): Promise<ITags>;
}
