// What is to be known of an image before it is chosen, each fact in two or three words.
import { TranslationBundle } from '@jupyterlab/translation';
import { IImage } from '../client/wire';
import {
  ICatalogueEntry,
  IImageDetails,
  IVerdict,
  Rating
} from '../client/wireImages';
import { formatSize, formatDuration } from './format';
import { splitReference } from './references';
import { allReasons, verdictTip, versionOf } from './verdicts';

/** One fact. */
export interface IChip {
  /** What it is about: where the image is, whether it runs, what is to fetch, its kernel. */
  kind: 'here' | 'fit' | 'download' | 'carried';
  /** Two or three words. */
  text: string;
  /** Sentences with the reasons. */
  title: string;
  /** Of a `fit`. */
  rating?: Rating;
}

/** An image on this machine, in the catalogue, or as a registry tells of it. */
export type ChipSubject = IImage | ICatalogueEntry | IImageDetails;

/** The facts of an image, in the order in which they are shown; what is not known is left out. */
export function chipsOf(
  trans: TranslationBundle,
  image: ChipSubject
): readonly IChip[] {
  const isHere = 'on_engine' in image ? image.on_engine : true;
  const chips: IChip[] = [];
  if (isHere) {
    chips.push({
      kind: 'here',
      text: trans.__('On this machine'),
      title: trans.__('Nothing has to be downloaded.')
    });
  }
  const older = 'tags' in image ? olderVersion(image) : null;
  if (image.verdict) {
    chips.push(
      older ? olderOf(trans, older, image.verdict) : fitOf(trans, image.verdict)
    );
  }
  if (!isHere && !older && 'download' in image && image.download) {
    chips.push(downloadOf(trans, image.download, image.fetch_seconds ?? null));
  }
  if ('kernels' in image && image.kernels?.some(({ carried }) => carried)) {
    chips.push({
      kind: 'carried',
      text: trans.__('Kernel will be carried in'),
      title: trans.__(
        'The image has no Jupyter kernel inside. One that fits its Python is added when it starts; the image stays what it is.'
      )
    });
  }
  return chips;
}

/** Whether an image runs here. */
function fitOf(trans: TranslationBundle, verdict: IVerdict): IChip {
  return {
    kind: 'fit',
    text: fitText(trans, verdict),
    title: verdictTip(trans, verdict),
    rating: verdict.verdict
  };
}

/** The version that runs here where the newest does not. */
function olderVersion(entry: ICatalogueEntry): string | null {
  const version = versionOf(entry);
  return version === entry.reference ? null : version;
}

/** That another version of a recommended image runs here than the newest. */
function olderOf(
  trans: TranslationBundle,
  reference: string,
  newest: IVerdict
): IChip {
  return {
    kind: 'fit',
    text: trans.__('Version %1 runs here', splitReference(reference).tag),
    title: [trans.__('The newest version:'), verdictTip(trans, newest)].join(
      ' '
    ),
    rating: 'likely'
  };
}

/** Whether an image runs here, in two or three words; where it does not, the first reason. */
export function fitText(trans: TranslationBundle, verdict: IVerdict): string {
  switch (verdict.verdict) {
    case 'compatible':
      return trans.__('Runs here');
    case 'likely':
      return trans.__('Should run here');
    case 'unverified':
      return trans.__('May not run here');
    case 'cpu':
      return trans.__('Needs no GPU');
    case 'gpu-broken':
      return trans.__('GPU does not work');
    case 'incompatible':
      return obstacle(trans, verdict);
  }
}

/** What keeps an image from running here. */
function obstacle(trans: TranslationBundle, verdict: IVerdict): string {
  const problems = allReasons(verdict).filter(
    ({ severity }) => severity === 'problem'
  );
  const is = (code: string) => problems.some(reason => reason.code === code);
  if (is('wrong_architecture')) {
    return trans.__('For other processors');
  }
  if (is('no_gpu')) {
    return trans.__('Needs a GPU');
  }
  if (is('driver_too_old')) {
    const driver = neededDriver(problems.map(({ message }) => message));
    return driver
      ? trans.__('Needs driver ≥ %1', driver)
      : trans.__('Needs a newer driver');
  }
  if (is('disk_full')) {
    return trans.__('Too large for the disk');
  }
  return trans.__('Does not run here');
}

/** The lowest driver that sentences of a verdict name: its branch is what people know. */
function neededDriver(sentences: readonly string[]): string | null {
  for (const sentence of sentences) {
    const found = /driver (?:>=|≥) (\d+)/.exec(sentence);
    if (found) {
      return found[1];
    }
  }
  return null;
}

/** How much there is to fetch, and how long that takes where it is known. */
function downloadOf(
  trans: TranslationBundle,
  bytes: number,
  seconds: number | null
): IChip {
  const size = formatSize(bytes);
  return {
    kind: 'download',
    text:
      seconds === null
        ? trans.__('%1 to download', size)
        : trans.__(
            '%1 to download, about %2',
            size,
            formatDuration(trans, seconds)
          ),
    title:
      seconds === null
        ? trans.__('How long that takes is not known yet.')
        : trans.__('As fast as the last downloads of this server were.')
  };
}
