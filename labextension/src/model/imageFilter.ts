// Which images of a list somebody looks for.
import { IImage } from '../client/wire';
import { ICatalogueEntry } from '../client/wireImages';

/** The words that an image is found by. */
export function wordsOf(image: IImage | ICatalogueEntry): string {
  const words =
    'title' in image
      ? [
          image.title,
          image.description,
          image.reference,
          image.vendor,
          image.framework,
          ...image.tags
        ]
      : [
          ...image.references,
          image.framework?.name,
          image.framework?.version,
          image.cuda && `CUDA ${image.cuda}`,
          image.python && `Python ${image.python}`,
          ...(image.kernels ?? []).map(({ display_name }) => display_name),
          image.id
        ];
  return words.filter(Boolean).join(' ').toLowerCase();
}

/** Those in which every word of a query occurs; all of them where there is none. */
export function matching<T extends IImage | ICatalogueEntry>(
  images: readonly T[],
  query: string
): readonly T[] {
  const wanted = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (wanted.length === 0) {
    return images;
  }
  return images.filter(image => {
    const words = wordsOf(image);
    return wanted.every(word => words.includes(word));
  });
}
