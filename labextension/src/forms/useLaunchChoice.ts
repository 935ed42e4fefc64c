// The state of the dialog of environments: what is offered, what is chosen, what is asked for.
import { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import { IImage, INewLaunch } from '../client/wire';
import { ICatalogueEntry, ISearchResult, ITags } from '../client/wireImages';
import { imageKey, isImage, usualGpus } from '../model/format';
import { IGpuKind, gpuKinds } from '../model/gpuKinds';
import {
  IImageOption,
  IOptionGroup,
  optionGroups,
  repositoryOf
} from '../model/imageOptions';
import { IPreset, canBeOffered, usualImage } from '../model/preset';
import { looksLikeReference } from '../model/references';
import { needsWarning, versionOf } from '../model/verdicts';
import { IGpuContainersModel, IRegistriesModel } from '../tokens';
import { IAnswer, useAnswer, useSettled } from './answer';
import { IGpuChoice, particularOf } from './gpuFields';
import { ILimitChoice } from './limitFields';
import { IRemoteImage, useRemoteImage } from './remoteImage';

/** How long registries are not asked yet, in milliseconds. */
export interface IPauses {
  /** Without a key press. */
  typing: number;
  /** While a row is chosen. */
  glance: number;
}

const PAUSES: IPauses = { typing: 600, glance: 250 };

/** What is offered, chosen and asked for, and the ways to change it. */
export interface ILaunchChoice {
  groups: IOptionGroup[];
  catalogue: IAnswer<ICatalogueEntry[]>;
  search: IAnswer<ISearchResult[]>;
  query: string;
  setQuery: (query: string) => void;
  /** Whether something was typed of which registries were not asked yet. */
  isResting: boolean;
  /** Ask now; false where nothing is left to be asked. */
  settle: () => boolean;
  onlyFitting: boolean;
  setOnlyFitting: (onlyFitting: boolean) => void;
  option: IImageOption | null;
  choose: (option: IImageOption) => void;
  /** The image that is chosen, where it is on this machine. */
  image: IImage | null;
  /** What is known of it where it is not. */
  remote: IRemoteImage;
  kernel: string;
  setKernel: (kernel: string) => void;
  kinds: IGpuKind[];
  kind: IGpuKind;
  most: number;
  count: number;
  setGpus: (count: number) => void;
  gpuChoice: IGpuChoice;
  setGpuChoice: (choice: IGpuChoice) => void;
  limitChoice: ILimitChoice;
  setLimitChoice: (choice: ILimitChoice) => void;
  /** Whether something was asked for that is folded away. */
  isAdvanced: boolean;
  request: INewLaunch | null;
  requestOf: (option: IImageOption) => INewLaunch | null;
}

interface IChoiceOptions {
  model: IGpuContainersModel;
  registries: IRegistriesModel | null;
  trans: TranslationBundle;
  preset?: IPreset;
  last?: IPreset | null;
  onlyFitting?: boolean;
  pauses?: IPauses;
}

/** Keep the state of the form. */
export function useLaunchChoice(options: IChoiceOptions): ILaunchChoice {
  const { model, registries, trans, pauses = PAUSES } = options;
  const images = model.images ?? [];
  const catalogue = useAnswer(registries ? 'catalogue' : '', () =>
    registries!.catalogue()
  );
  const entries = catalogue.value ?? [];
  const { preset, isLast } = startingPoint(options, images, entries);

  // --- the image ---
  const asked = options.preset?.image ?? '';
  const isElsewhere =
    looksLikeReference(asked) &&
    !asked.startsWith('sha256:') &&
    !images.some(image => isImage(image, asked)) &&
    !entries.some(entry => versionOf(entry) === asked);
  const [typed, setTyped] = React.useState<string | null>(null);
  // an image that is asked for and neither here nor recommended stands as if it were typed
  const query =
    typed ?? (isElsewhere && model.images && !catalogue.isLoading ? asked : '');
  const [settled, settleNow] = useSettled(query.trim(), pauses.typing);
  const [onlyFitting, setOnlyFitting] = React.useState(
    options.onlyFitting ?? false
  );
  const [picked, setPicked] = React.useState('');
  const isName = looksLikeReference(settled);
  const search = useAnswer(
    registries && !isName && settled.length > 1 ? settled : '',
    () => registries!.search(settled)
  );
  const askTags = useTags(registries);
  const tags = useAnswer(isName ? repositoryOf(settled) : '', () =>
    askTags(settled)
  );
  const groups = optionGroups(trans, {
    images,
    catalogue: entries,
    query: query.trim(),
    settled,
    tags: tags.value,
    found: search.value ?? [],
    onlyFitting
  });
  const offered = groups
    .flatMap(group => group.options)
    .filter(each => !each.image?.problem);
  const option =
    offered.find(({ key }) => key === picked) ??
    (query.trim() === '' ? firstOf(offered, preset, images) : undefined) ??
    (query.trim() === ''
      ? offered.find(({ entry }) => entry && runsHere(entry))
      : undefined) ??
    offered[0] ??
    null;
  const image = option?.image ?? null;
  const [glanced] = useSettled(
    option && !image && registries ? option.reference : '',
    pauses.glance
  );
  const remote = useRemoteImage(glanced, option?.entry ?? null, model, askTags);
  const wanted = option && !image && glanced === option.reference;

  // --- kernel, GPUs, limits ---
  const [kernel, setKernel] = React.useState<string | null>(null);
  const [gpus, setGpus] = React.useState<number | null>(null);
  const [ownGpuChoice, setGpuChoice] = React.useState<IGpuChoice | null>(null);
  const [ownLimits, setLimitChoice] = React.useState<ILimitChoice | null>(null);
  const kinds = gpuKinds(model.gpus?.gpus ?? []);
  const gpuChoice = ownGpuChoice ?? {
    profile: preset.gpu_profile ?? null,
    uuid: null
  };
  const limitChoice = ownLimits ?? {
    memory: preset.memory ?? null,
    shmSize: preset.shm_size ?? null,
    mounts: preset.mounts ?? null
  };
  const kind =
    kinds.find(({ profile }) => profile === gpuChoice.profile) ?? kinds[0];
  const uuid = particularOf(kind, gpuChoice)?.uuid;
  const most = Math.min(
    kind.gpus.length,
    model.gpus?.max_per_kernel ?? kind.gpus.length
  );
  const countFor = (of: IImageOption | null) => {
    const usual = of?.image
      ? usualGpus(of.image)
      : (of?.entry?.verdict ?? remote.details?.verdict)?.verdict === 'cpu'
        ? 0
        : 1;
    // what was remembered goes with its image; another one has its own usual number
    const isOther = isLast && of !== null && !isMeant(of, preset.image);
    const first = isOther ? undefined : preset.gpus;
    return Math.min(gpus ?? first ?? usual, uuid ? 1 : most, most);
  };
  const kernelName = kernel ?? preset.kernel ?? '';

  const requestOf = (of: IImageOption): INewLaunch | null => {
    const name = of.image ? imageKey(of.image) : wanted ? remote.wanted : '';
    if (!name) {
      return null;
    }
    const count = countFor(of);
    const { memory, shmSize, mounts } = limitChoice;
    const known = model.limits?.mounts.map(mount => mount.name);
    const chosen = mounts?.filter(mount => known?.includes(mount) ?? true);
    const isHere = of.image !== undefined || remote.details?.on_engine === true;
    return {
      image: name,
      gpus: count,
      ...(count === 0
        ? {}
        : uuid
          ? { gpu_uuids: [uuid] }
          : kind.profile
            ? { gpu_profile: kind.profile }
            : {}),
      ...(of.image?.kernels?.some(({ name }) => name === kernelName)
        ? { kernel: kernelName }
        : {}),
      ...(memory === null ? {} : { memory }),
      ...(shmSize === null ? {} : { shm_size: shmSize }),
      ...(chosen ? { mounts: chosen } : {}),
      ...(isHere ? {} : { pull: true })
    };
  };

  return {
    groups,
    catalogue,
    search,
    query,
    setQuery: text => {
      setTyped(text);
      setPicked('');
    },
    isResting: query.trim() !== settled && query.trim().length > 1,
    settle: () => settleNow(),
    onlyFitting,
    setOnlyFitting,
    option,
    choose: of => setPicked(of.key),
    image,
    remote: wanted ? remote : { ...remote, ...NOT_ASKED },
    kernel: kernelName,
    setKernel,
    kinds,
    kind,
    most,
    count: countFor(option),
    setGpus,
    gpuChoice,
    setGpuChoice,
    limitChoice,
    setLimitChoice,
    isAdvanced: Boolean(
      options.preset?.memory ?? options.preset?.shm_size ?? null
    ),
    request: option ? requestOf(option) : null,
    requestOf
  };
}

/** Of a row that was chosen a moment ago. */
const NOT_ASKED = {
  wanted: '',
  versions: [],
  areKnown: false,
  details: null,
  problem: null,
  isLoading: true,
  mayPull: false
};

/** What is chosen at first: what is asked for, else what was started last, where that can be had. */
function startingPoint(
  { preset, last }: IChoiceOptions,
  images: readonly IImage[],
  catalogue: readonly ICatalogueEntry[]
): { preset: IPreset; isLast: boolean } {
  if (preset?.image || !last || !canBeOffered(last, images, catalogue)) {
    return { preset: preset ?? {}, isLast: false };
  }
  return { preset: { ...last, ...preset }, isLast: true };
}

/** Whether a row is the image of this name. */
function isMeant(
  { image, reference }: IImageOption,
  wanted: string | undefined
): boolean {
  return (
    wanted !== undefined &&
    (image ? isImage(image, wanted) : reference === wanted)
  );
}

/** The row to begin with. */
function firstOf(
  offered: readonly IImageOption[],
  { image: wanted }: IPreset,
  images: readonly IImage[]
): IImageOption | undefined {
  const usual = usualImage(images);
  return (
    offered.find(each => isMeant(each, wanted)) ??
    offered.find(({ image }) => image && image === usual)
  );
}

/** Whether an entry is known to run here, in one version or another. */
function runsHere({ verdict, runs_here }: ICatalogueEntry): boolean {
  return Boolean(runs_here) || (verdict !== null && !needsWarning(verdict));
}

/** Ask for tags; of each repository once, as long as that succeeds. */
function useTags(
  registries: IRegistriesModel | null
): (reference: string) => Promise<ITags> {
  const answers = React.useRef(new Map<string, Promise<ITags>>());
  return reference => {
    const repository = repositoryOf(reference);
    const known = answers.current.get(repository);
    if (known || !registries) {
      return known ?? Promise.reject(new Error(repository));
    }
    const answer = registries.tags(reference);
    answers.current.set(repository, answer);
    answer.catch(() => answers.current.delete(repository));
    return answer;
  };
}
