// What a kernel could be started in: images here, recommended ones, and what a registry offers.
import { TranslationBundle } from '@jupyterlab/translation';
import { IImage } from '../client/wire';
import { ICatalogueEntry, ISearchResult, ITags } from '../client/wireImages';
import { imageTitle, shortVersion } from './format';
import { looksLikeReference, splitReference, withTag } from './references';
import { isKnownToRun, versionOf } from './verdicts';

/** Where an image is: on this machine, in the catalogue, named by the user, or on Docker Hub. */
export type Place = 'here' | 'catalogue' | 'named' | 'hub';

/** One image to choose. */
export interface IImageOption {
  /** Unique among all of them. */
  key: string;
  place: Place;
  title: string;
  subtitle: string;
  /** To start it by, or to ask its registry for; without a tag, a version is still to be found. */
  reference: string;
  image?: IImage;
  entry?: ICatalogueEntry;
}

/** Images of one place. */
export interface IOptionGroup {
  place: Place;
  title: string;
  options: IImageOption[];
}

/** What there is to choose from. */
export interface IOffer {
  images: readonly IImage[];
  catalogue: readonly ICatalogueEntry[];
  /** What the user typed. */
  query: string;
  /** What was typed, once it rests: then registries are asked. */
  settled: string;
  /** Tags of the repository that was typed; null where none are known. */
  tags: ITags | null;
  /** What Docker Hub found. */
  found: readonly ISearchResult[];
  /** Only what is known to run here; an image that is called by its whole name stays. */
  onlyFitting: boolean;
}

/** Most tags of a repository that are offered. */
const MOST_TAGS = 50;

/** The images to choose from, by place; places without any are left out. */
export function optionGroups(
  trans: TranslationBundle,
  offer: IOffer
): IOptionGroup[] {
  const groups: IOptionGroup[] = [
    {
      place: 'here',
      title: trans.__('On this machine'),
      options: imagesHere(trans, offer)
    },
    {
      place: 'catalogue',
      title: trans.__('Recommended'),
      options: recommended(offer)
    },
    {
      place: 'named',
      title: trans.__('By its name'),
      options: named(trans, offer)
    },
    {
      place: 'hub',
      title: trans.__('Docker Hub'),
      options: onHub(trans, offer)
    }
  ];
  return groups.filter(({ options }) => options.length > 0);
}

function imagesHere(trans: TranslationBundle, offer: IOffer): IImageOption[] {
  return offer.images
    .filter(image => !offer.onlyFitting || isKnownToRun(image.verdict))
    .map(image => ({
      key: image.id,
      place: 'here' as const,
      title: imageTitle(image),
      subtitle: [
        image.references.join(', ') || image.id.slice(0, 19),
        image.python && trans.__('Python %1', shortVersion(image.python)),
        image.cuda && trans.__('CUDA %1', shortVersion(image.cuda))
      ]
        .filter(Boolean)
        .join(' · '),
      reference: image.references[0] ?? image.id,
      image
    }))
    .filter(option => matches(offer.query, option.title, option.subtitle));
}

function recommended(offer: IOffer): IImageOption[] {
  const here = new Set(offer.images.flatMap(({ references }) => references));
  return offer.catalogue
    .filter(entry => !here.has(versionOf(entry)))
    .filter(
      entry =>
        !offer.onlyFitting ||
        Boolean(entry.runs_here) ||
        isKnownToRun(entry.verdict)
    )
    .map(entry => ({
      key: `catalogue:${entry.name}`,
      place: 'catalogue' as const,
      title: entry.title,
      subtitle: [entry.vendor, versionOf(entry)].filter(Boolean).join(' · '),
      reference: versionOf(entry),
      entry
    }))
    .filter(({ entry, title, subtitle }) =>
      matches(
        offer.query,
        title,
        subtitle,
        entry.description,
        entry.framework ?? '',
        ...entry.tags
      )
    );
}

/** The image of the name that was typed, and others of its repository. */
function named(trans: TranslationBundle, offer: IOffer): IImageOption[] {
  const { settled, images, tags } = offer;
  const isHere = images.some(({ references }) => references.includes(settled));
  if (
    !looksLikeReference(settled) ||
    !offer.query.startsWith(repositoryOf(settled))
  ) {
    return [];
  }
  const { tag, host } = splitReference(settled);
  const isOpen = tag === '' && !settled.includes('@');
  const typed: IImageOption = {
    key: `named:${settled}`,
    place: 'named',
    title: settled,
    subtitle: isOpen
      ? trans.__('The usual version, from %1', host)
      : trans.__('From %1', host),
    reference: settled
  };
  const others = (tags?.tags ?? [])
    .filter(each => each !== tag && each.includes(tag))
    .slice(0, MOST_TAGS)
    .map(each => {
      const reference = withTag(settled, each);
      return {
        key: `named:${reference}`,
        place: 'named' as const,
        title: each,
        subtitle: reference,
        reference
      };
    });
  return isHere ? others : [typed, ...others];
}

/** A reference without tag and digest. */
export function repositoryOf(reference: string): string {
  const [name] = reference.split('@');
  const colon = name.lastIndexOf(':');
  return colon > name.lastIndexOf('/') ? name.slice(0, colon) : name;
}

function onHub(trans: TranslationBundle, offer: IOffer): IImageOption[] {
  if (offer.onlyFitting || looksLikeReference(offer.query)) {
    return []; // of what is found there, nothing is known yet
  }
  return offer.found.map(({ name, description, official, stars }) => ({
    key: `hub:${name}`,
    place: 'hub',
    title: name,
    subtitle: [
      official ? trans.__('official') : trans.__('★ %1', stars),
      description
    ]
      .filter(Boolean)
      .join(' · '),
    reference: name
  }));
}

/** Whether each word of a query is in one of the texts. */
function matches(query: string, ...texts: string[]): boolean {
  const text = texts.join(' ').toLowerCase();
  return query
    .toLowerCase()
    .split(/\s+/)
    .every(word => text.includes(word));
}
