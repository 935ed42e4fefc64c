// What the unit tests stand on: a server of canned answers, an event bus, a notebook's session.
import { ISessionContext } from '@jupyterlab/apputils';
import { Event, KernelSpec, ServerConnection } from '@jupyterlab/services';
import { IDisposable } from '@lumino/disposable';
import { Signal, Stream } from '@lumino/signaling';
import { GpuContainersClient } from '../client/client';
import {
  CHANGED_SCHEMA,
  GPU_LOAD_SCHEMA,
  JOB_SCHEMA,
  LAUNCH_SCHEMA
} from '../client/events';
import { JobsModel } from '../model/jobsModel';
import { GpuContainersModel } from '../model/model';
import { RegistriesModel } from '../model/registriesModel';
import { IVisibility } from '../model/visibility';
import {
  ChangedResource,
  IGpuLoads,
  ILaunch,
  ILimits,
  IProblem,
  Phase
} from '../client/wire';
import { IJob, IVerdict } from '../client/wireImages';

/** An answer: a body with status 200, or a whole response. */
type Answer = object | Response;

/** What makes an answer when it is wanted, or later. */
type Answering = (request: Request) => Answer | Promise<Answer>;

const GIB = 1024 ** 3;

/** What kernels may have, on a machine without rules or data mounts. */
export const LIMITS: ILimits = {
  memory: { default: 64 * GIB, max: null },
  shm_size: { default: 4 * GIB, max: null },
  gpus: { max: null },
  mounts: [],
  networks: ['bridge', 'none'],
  ram: null
};

/** A server that answers by method and path. */
export class FakeServer {
  /** "GET status" and the like, to what is answered. */
  readonly answers = new Map<string, Answer | Answering>([
    [
      'GET status',
      {
        version: '0.1.0',
        backend: 'docker',
        demo: false,
        engine: {
          name: 'Docker Engine',
          version: '20.10',
          api_version: '1.41'
        },
        problem: null,
        spares: { count: 0, memory: null, gpus: 0 },
        findings: []
      }
    ],
    [
      'GET gpus',
      { driver: null, problem: null, gpus: [], max_per_kernel: null }
    ],
    ['GET images', { images: [] }],
    ['GET environments', { environments: [] }],
    ['GET limits', LIMITS],
    ['GET launches', { launches: [] }],
    ['GET jobs', { jobs: [] }],
    ['GET registries', { registries: [] }],
    ['GET catalogue', { entries: [] }]
  ]);
  /** What was asked: "POST launches" with its body. */
  readonly requests: { what: string; body: unknown }[] = [];
  /** When that was, in milliseconds since the epoch. */
  readonly times: number[] = [];

  /** A client of this server. */
  client(): GpuContainersClient {
    const fetch = (request: Request) => this._answer(request);
    const settings = ServerConnection.makeSettings({
      baseUrl: 'http://localhost:8888/',
      fetch: fetch as unknown as typeof globalThis.fetch
    });
    return new GpuContainersClient(settings);
  }

  private async _answer(request: Request): Promise<Response> {
    // JupyterLab adds the time to what it does not want from a cache
    const { pathname, search } = new URL(request.url);
    const query = search.replace(/[?&]\d+$/, '');
    const path = pathname.replace('/gpu-containers/', '');
    const what = `${request.method} ${path}${query}`;
    const text = await request.text();
    this.times.push(Date.now());
    this.requests.push({ what, body: text ? JSON.parse(text) : null });
    const found = this.answers.get(what);
    const answer: Answer | undefined = isFunction(found)
      ? await found(request)
      : found;
    if (answer instanceof Response) {
      return answer.clone();
    }
    return answer ? json(answer) : new Response('<html>', { status: 404 });
  }
}

function isFunction(
  answer: Answer | Answering | undefined
): answer is Answering {
  return typeof answer === 'function';
}

/** An answer in JSON. */
export function json(body: object, status = 200): Response {
  return new Response(JSON.stringify(body), { status });
}

/** Jupyter's event bus. */
export class FakeEvents {
  readonly stream = new Stream<Event.IManager, Event.Emission>(
    this as unknown as Event.IManager
  );

  /** Tell of a launch. */
  emit(launch: ILaunch): void {
    const data = launch as unknown as Omit<Event.Emission, 'schema_id'>;
    this.stream.emit({ schema_id: LAUNCH_SCHEMA, ...data });
  }

  /** Tell of a job. */
  emitJob(job: IJob): void {
    const data = job as unknown as Omit<Event.Emission, 'schema_id'>;
    this.stream.emit({ schema_id: JOB_SCHEMA, ...data });
  }

  /** Tell of the load of GPUs. */
  emitLoads(gpus: IGpuLoads['gpus']): void {
    const at = '2026-11-22T08:00:00.000Z';
    this.stream.emit({ schema_id: GPU_LOAD_SCHEMA, at, gpus });
  }

  /** Tell that something has changed. */
  emitChanged(resource: ChangedResource): void {
    this.stream.emit({ schema_id: CHANGED_SCHEMA, resource });
  }
}

/** A page that a test hides and shows. */
export class FakeVisibility implements IVisibility {
  isHidden = false;
  isDisposed = false;
  readonly returned = new Signal<this, void>(this);

  /** Put another tab before it, or bring it back. */
  hide(isHidden: boolean): void {
    this.isHidden = isHidden;
    if (!isHidden) {
      this.returned.emit();
    }
  }

  dispose(): void {
    this.isDisposed = true;
    Signal.clearData(this);
  }
}

let made: IDisposable[] = [];

// what asks again by itself would do so in the tests that come after
afterEach(() => {
  made.forEach(each => each.dispose());
  made = [];
});

/** A model over a server and an event bus. */
export async function makeModel(
  server = new FakeServer(),
  visibility = new FakeVisibility()
): Promise<{
  model: GpuContainersModel;
  server: FakeServer;
  events: FakeEvents;
}> {
  const events = new FakeEvents();
  const model = new GpuContainersModel({
    client: server.client(),
    events: events as unknown as Event.IManager,
    visibility
  });
  made.push(model);
  await model.ready;
  return { model, server, events };
}

/** The state of jobs and registries, over a server and an event bus. */
export async function makeJobs(
  server = new FakeServer(),
  visibility = new FakeVisibility()
): Promise<{
  jobs: JobsModel;
  registries: RegistriesModel;
  server: FakeServer;
  events: FakeEvents;
}> {
  const events = new FakeEvents();
  const client = server.client();
  const jobs = new JobsModel({
    client,
    events: events as unknown as Event.IManager,
    visibility
  });
  const registries = new RegistriesModel({
    client,
    events: events as unknown as Event.IManager,
    visibility
  });
  made.push(jobs, registries);
  await jobs.ready;
  return { jobs, registries, server, events };
}

/** A pull in progress, or what is left of it. */
export function makeJob(more: Partial<IJob> = {}): IJob {
  return {
    id: 'j1',
    kind: 'pull',
    reference: 'nvcr.io/nvidia/pytorch:25.08-py3',
    state: 'running',
    created: '2026-11-22T08:00:00.000Z',
    ended: null,
    current: 0,
    total: null,
    speed: null,
    eta: null,
    image_id: null,
    error: null,
    steps: [],
    log: [],
    ...more
  };
}

/** A registry that wants a login, as the server puts it. */
export const UNAUTHORIZED: IProblem = {
  code: 'registry_unauthorized',
  message: 'nvcr.io wants a login.',
  hint: 'Log in: `jupyter gpu-containers login nvcr.io`.'
};

/** An image that is too new for the driver of one of two GPUs. */
export const TOO_OLD: IVerdict = {
  verdict: 'incompatible',
  gpus: [0, 1].map(index => ({
    index,
    verdict: 'incompatible',
    driver: 'too-old',
    arch: 'ok',
    requirement: 'fail',
    reasons: [
      {
        code: 'driver_too_old',
        message: 'needs driver >= 570.26; this machine has 535.161',
        evidence: 'NVIDIA_REQUIRE_CUDA',
        severity: 'problem'
      }
    ]
  })),
  reasons: []
};

const PHASES: Phase[] = ['queued', 'creating', 'starting', 'running'];

/** A launch that went through the usual phases up to this one. */
export function makeLaunch(phase: Phase, more: Partial<ILaunch> = {}): ILaunch {
  const usual = PHASES.indexOf(phase);
  const passed =
    usual < 0 ? [...PHASES.slice(0, 2), phase] : PHASES.slice(0, usual + 1);
  return {
    id: 'l1',
    environment: 'pytorch-1gpu',
    display_name: 'PyTorch 25.08 · 1 GPU',
    image: 'pytorch:25.08',
    path: 'train.ipynb',
    kernel_id: phase === 'running' ? 'new-kernel' : null,
    container_id: null,
    gpus: [],
    phase,
    phases: passed.map(phase => ({ phase, at: '2026-11-21T05:00:00.000Z' })),
    error: null,
    queue: null,
    pull: null,
    idle: null,
    recovered: false,
    warnings: [],
    ...more
  };
}

/** A failure as the server puts it. */
export const BUSY: IProblem = {
  code: 'gpus_busy',
  message: '2 GPUs were asked for, 1 is free.',
  hint: 'Stop a kernel.'
};

/** Kernelspecs: one of ours, and Python. */
export function makeKernelspecs(): KernelSpec.IManager {
  const kernelspecs = {
    'pytorch-1gpu': {
      display_name: 'PyTorch 25.08 · 1 GPU',
      metadata: { gpu_containers: { image: 'pytorch:25.08', gpus: 1 } }
    },
    python3: { display_name: 'Python 3', metadata: {} }
  };
  return {
    specs: { default: 'python3', kernelspecs },
    refreshSpecs: jest.fn(() => Promise.resolve())
  } as unknown as KernelSpec.IManager;
}

/** A notebook's session that has a kernel. */
export class FakeContext {
  constructor(public kernelName = 'python3') {}

  readonly path = 'train.ipynb';
  readonly name = 'train.ipynb';
  readonly type = 'notebook';
  readonly kernelChanged = new Signal<this, unknown>(this);
  readonly statusChanged = new Signal<this, unknown>(this);
  readonly connectionStatusChanged = new Signal<this, unknown>(this);
  kernelDisplayStatus = 'idle';
  kernelPreference: ISessionContext.IKernelPreference = {};
  isDisposed = false;
  isReady = true;
  ready: Promise<void> = Promise.resolve();
  kernelId = 'old-kernel';

  get session(): unknown {
    return { kernel: { id: this.kernelId, name: this.kernelName } };
  }

  get kernelDisplayName(): string {
    return this.kernelName;
  }

  readonly changeKernel = jest.fn((options: { id?: string; name?: string }) => {
    this.kernelId = options.id ?? 'started-by-jupyterlab';
    return Promise.resolve(null);
  });

  /** As JupyterLab sees it. */
  get asContext(): ISessionContext {
    return this as unknown as ISessionContext;
  }
}
