// The state of pulls and pushes: asked for once by REST, then told by Jupyter's events.
import { Event } from '@jupyterlab/services';
import { TranslationBundle, nullTranslator } from '@jupyterlab/translation';
import { ISignal, Signal } from '@lumino/signaling';
import { GpuContainersClient } from '../client/client';
import { handleEvent } from '../client/events';
import { byAge, hasEnded, isFresher } from './jobs';
import { ProgressWatch } from './progressWatch';
import { Reloader } from './reloader';
import { RequestError, isMissingServer } from '../client/requests';
import { IVisibility, PageVisibility } from './visibility';
import { DOMAIN, IJobsModel } from '../tokens';
import { IJob, IJobSource, JobKind } from '../client/wireImages';

/** See {@link IJobsModel}. */
export class JobsModel implements IJobsModel {
  constructor(options: JobsModel.IOptions) {
    this._client = options.client;
    this._events = options.events;
    this._trans = options.trans ?? nullTranslator.load(DOMAIN);
    this._visibility = options.visibility ?? new PageVisibility();
    this._reloader = new Reloader(
      () => this._load(),
      () => !this._visibility.isHidden
    );
    this._progress = new ProgressWatch({
      name: 'jupyter-gpu-containers:jobs',
      ask: () => this._refresh(),
      isInProgress: () => !this._isLoaded || !this.jobs.every(hasEnded),
      hasEvents: options.events !== undefined,
      visibility: this._visibility
    });
    this._events?.stream.connect(this._onEvent, this);
    this.ready = this._start();
  }

  /** Resolved once the server was asked for the jobs in progress, whatever it answered. */
  readonly ready: Promise<void>;

  get jobs(): readonly IJob[] {
    return [...this._jobs.values()].sort(byAge);
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get ended(): ISignal<this, IJob> {
    return this._ended;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    if (this._isDisposed) {
      return;
    }
    this._isDisposed = true;
    this._events?.stream.disconnect(this._onEvent, this);
    this._visibility.dispose();
    this._progress.dispose();
    this._reloader.dispose();
    Signal.clearData(this);
  }

  async start(
    kind: JobKind,
    reference: string,
    what?: IJobSource
  ): Promise<IJob> {
    this._starting += 1;
    const before = this._progress.eventsHeard;
    try {
      const job = await this._client.startJob(kind, reference, what);
      // an earlier failure of the same kind is no news any more
      for (const other of this.jobs) {
        const isSame = other.kind === kind && other.reference === job.reference;
        if (isSame && other.id !== job.id && hasEnded(other)) {
          this.dismiss(other.id);
        }
      }
      this._own.add(job.id);
      if (isFresher(this._jobs.get(job.id), job)) {
        this._accept(job);
      }
      this._progress.expectMoreThan(before);
      return job;
    } finally {
      this._starting -= 1;
      if (this._starting === 0) {
        this._early.splice(0).forEach(job => this._accept(job));
      }
    }
  }

  async cancel(id: string): Promise<void> {
    try {
      this._accept(await this._client.cancelJob(id));
    } catch (reason) {
      if (!(reason instanceof RequestError && reason.status === 404)) {
        throw reason;
      }
      await this._refresh();
    }
  }

  settled(id: string): Promise<IJob> {
    const now = this._jobs.get(id);
    if (now && hasEnded(now)) {
      return Promise.resolve(now);
    }
    return new Promise(resolve => {
      const onEnded = (_: unknown, job: IJob) => {
        if (job.id === id) {
          this._ended.disconnect(onEnded, this);
          resolve(job);
        }
      };
      this._ended.connect(onEnded, this);
    });
  }

  isOwn(id: string): boolean {
    return this._own.has(id);
  }

  dismiss(id: string): void {
    const job = this._jobs.get(id);
    if (job && hasEnded(job)) {
      this._jobs.delete(id);
      this._dismissed.add(id);
      this._changed.emit();
    }
  }

  /** Find out what is in progress; a server half that is missing is not asked again. */
  private async _start(): Promise<void> {
    await this._reloader.load();
    const { problem } = this._reloader;
    if (!this._isDisposed && !(problem && isMissingServer(problem))) {
      this._progress.start();
      this._visibility.returned.connect(() => this._reloader.outdated(), this);
    }
  }

  /** Ask for all; resolves with whether there was news in the answer, and never rejects. */
  private async _refresh(): Promise<boolean> {
    this._hasNews = false;
    await this._reloader.load();
    return this._hasNews;
  }

  private async _load(): Promise<() => void> {
    const asked = [...this._jobs.keys()];
    const jobs = await this._client.jobs();
    return () => this._acceptAll(jobs, asked);
  }

  private _acceptAll(jobs: readonly IJob[], asked: readonly string[]): void {
    const present = new Set(jobs.map(({ id }) => id));
    for (const job of jobs) {
      // what had ended before the page was opened was told to others
      const isOld = !this._isLoaded && hasEnded(job) && !this._jobs.has(job.id);
      if (!isOld && isFresher(this._jobs.get(job.id), job)) {
        this._accept(job);
      } else if (isOld) {
        this._dismissed.add(job.id);
      }
    }
    this._isLoaded = true;
    asked.filter(id => !present.has(id)).forEach(id => this._lose(id));
  }

  private _onEvent(_: Event.IManager, event: Event.Emission): void {
    handleEvent(event, {
      heard: () => this._progress.heard(),
      job: job => {
        if (this._starting > 0 && !this._jobs.has(job.id)) {
          // of the one being started, perhaps: the answer tells whether it is our own
          this._early.push(job);
        } else {
          this._accept(job);
        }
      }
    });
  }

  /** Take a job in; one that has ended does not begin again. */
  private _accept(job: IJob): void {
    const known = this._jobs.get(job.id);
    const isOver = known ? hasEnded(known) : this._dismissed.has(job.id);
    if (this._isDisposed || isOver) {
      return;
    }
    this._hasNews ||= JSON.stringify(known) !== JSON.stringify(job);
    this._jobs.set(job.id, job);
    this._changed.emit();
    if (hasEnded(job)) {
      this._ended.emit(job);
    }
  }

  /** The server no longer knows a job: it was restarted. */
  private _lose(id: string): void {
    const job = this._jobs.get(id);
    if (!job || hasEnded(job)) {
      return;
    }
    this._accept({
      ...job,
      state: 'failed',
      ended: new Date().toISOString(),
      error: {
        code: 'job_lost',
        message: this._trans.__(
          'Jupyter Server no longer knows of %1.',
          job.reference
        ),
        hint: this._trans.__('It was probably restarted. Try again.')
      }
    });
  }

  private _changed = new Signal<this, void>(this);
  private _client: GpuContainersClient;
  private _dismissed = new Set<string>();
  private _early: IJob[] = [];
  private _ended = new Signal<this, IJob>(this);
  private _events: Event.IManager | undefined;
  private _hasNews = false;
  private _isDisposed = false;
  private _isLoaded = false;
  private _jobs = new Map<string, IJob>();
  private _own = new Set<string>();
  private _progress: ProgressWatch;
  private _reloader: Reloader;
  private _starting = 0;
  private _trans: TranslationBundle;
  private _visibility: IVisibility;
}

/** Options of the model. */
export namespace JobsModel {
  /** What the model is made of. */
  export interface IOptions {
    client: GpuContainersClient;
    /** Jupyter's event bus; without it, jobs are polled. */
    events?: Event.IManager;
    /** Whether the page can be seen; by default that of the browser. */
    visibility?: IVisibility;
    trans?: TranslationBundle;
  }
}
