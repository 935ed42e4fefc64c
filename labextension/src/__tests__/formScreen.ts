// The dialog of environments on a screen, over a server of canned answers.
import { ILaunchState, LaunchForm } from '../forms/launchForm';
import { IPauses } from '../forms/useLaunchChoice';
import { ICatalogueEntry, IImageDetails } from '../client/wireImages';
import { FakeServer, makeJobs, makeModel } from './fakes';
import { GPU, HOLDER, IMAGE, settled, show, trans } from './screen';

/** What is recommended, and an older version of it. */
export const TORCH = 'nvcr.io/nvidia/pytorch:26.07-py3';
export const OLDER = 'nvcr.io/nvidia/pytorch:23.10-py3';
const RUNS = { verdict: 'compatible' as const, gpus: [], reasons: [] };
/** Shorter than in a page, for tests that wait until registries are asked. */
export const QUICK: IPauses = { typing: 60, glance: 25 };
/** An image without CUDA. */
export const CPU = {
  ...IMAGE,
  id: 'sha256:2',
  references: ['cpu:1'],
  framework: null,
  cuda: null
};

/** An entry of the catalogue. */
export const ENTRY: ICatalogueEntry = {
  ...{ name: 'ngc-pytorch', title: trans.__('PyTorch by NVIDIA') },
  description: '',
  reference: TORCH,
  link: '',
  licence: '',
  framework: 'PyTorch',
  vendor: 'NVIDIA',
  verdict: RUNS,
  on_engine: false,
  download: 8.9e9,
  fetch_seconds: 240,
  tags: [TORCH, OLDER],
  runs_here: TORCH
};

/** What a registry tells of it. */
export const DETAILS: IImageDetails = {
  ...IMAGE,
  reference: TORCH,
  references: [],
  kernels: null,
  on_engine: false,
  size: null,
  download: 8.9e9,
  fetch_seconds: 240,
  digest: null,
  platforms: [],
  verdict: RUNS
};

/** The path of a question about an image. */
export const about = (reference: string) =>
  `GET images/${reference.replace(':', '%3A')}`;
/** The question for the versions in its repository. */
export const TAGS = 'GET registries/nvcr.io/tags?repository=nvidia%2Fpytorch';

/** What the forms of one test ask, tell and do. */
export class FormScreen {
  /** Answers what forms ask. */
  readonly server = new FakeServer();
  /** What the form has told last. */
  state: ILaunchState | null = null;
  readonly onSubmit = jest.fn();
  readonly onLook = jest.fn();

  /** Create a screen; by default registries are asked as late as in a page. */
  constructor(private readonly _pauses?: IPauses) {
    const gpus = [
      GPU,
      {
        ...GPU,
        uuid: 'GPU-2',
        state: 'claimed',
        holders: [HOLDER, { ...HOLDER, mine: false }]
      }
    ];
    const { answers } = this.server;
    answers.set('GET images', { images: [IMAGE, CPU] });
    answers.set('GET gpus', { driver: null, problem: null, gpus });
    answers.set('GET catalogue', { entries: [ENTRY] });
    answers.set(about(TORCH), DETAILS);
    answers.set(TAGS, {
      repository: 'nvcr.io/nvidia/pytorch',
      tags: ['26.07-py3', '25.08-py3', '23.10-py3'],
      total: 3
    });
  }

  /** Show a form. */
  async form(options: Partial<LaunchForm.IOptions> = {}): Promise<LaunchForm> {
    const { model } = await makeModel(this.server);
    const { registries, jobs } = await makeJobs(this.server);
    await Promise.all([model.refresh(), model.loadLimits()]);
    const widget = await show(
      new LaunchForm({
        model,
        registries,
        jobs,
        trans,
        onSubmit: this.onSubmit,
        onLook: this.onLook,
        onAddImage: jest.fn(),
        pauses: this._pauses,
        onState: told => {
          this.state = told;
        },
        ...options
      })
    );
    await settled();
    return widget;
  }
}

/** Wait until what was typed or chosen has rested, and registries have answered. */
export async function rested(): Promise<void> {
  await settled();
  await new Promise(resolve => setTimeout(resolve, QUICK.typing));
  await settled();
  await new Promise(resolve => setTimeout(resolve, QUICK.glance));
  await settled();
}

/** The field in which images are looked for. */
export const search = (widget: LaunchForm) =>
  widget.node.querySelector<HTMLInputElement>('input[type=search]')!;

/** Press a key. */
export const key = (node: Element, name: string) =>
  node.dispatchEvent(
    new KeyboardEvent('keydown', {
      key: name,
      bubbles: true,
      cancelable: true
    })
  );

/** The groups of images, and what is in each. */
export const groups = (widget: LaunchForm) =>
  [...widget.node.querySelectorAll('[role=group]')].map(group => [
    group.getAttribute('aria-label'),
    [...group.querySelectorAll('.jp-GpuContainers-title')].map(
      ({ textContent }) => textContent
    )
  ]);

/** What chooses the image of this title. */
export const radio = (widget: LaunchForm, title: string) =>
  [...widget.node.querySelectorAll('label')]
    .find(label => label.textContent?.startsWith(title))!
    .querySelector<HTMLInputElement>('input[type=radio]')!;

/** What is said of the image that is chosen. */
export const right = (widget: LaunchForm) =>
  widget.node.querySelector('.jp-GpuContainers-choiceDetails')!;
