// What is lost when a notebook gets another kernel, in words with numbers.
import { TranslationBundle } from '@jupyterlab/translation';
import { IChanges } from '../client/wireImages';
import { formatSize } from './format';

/** How many packages are named. */
const NAMED = 3;

/** Whether there is something in a container that its image has not. */
export function isChanged(changes: IChanges): boolean {
  return changes.packages.length + fileCount(changes) > 0;
}

/** Packages and files that go with a container: "3 packages (einops, timm, trl), 214 files (1.2 GB)". */
export function lossText(trans: TranslationBundle, changes: IChanges): string {
  const packages = changes.packages.filter(({ kind }) => kind !== 'removed');
  const files = fileCount(changes);
  const parts: string[] = [];
  if (packages.length > 0) {
    parts.push(
      trans._n(
        '%1 package (%2)',
        '%1 packages (%2)',
        packages.length,
        namesOf(
          trans,
          packages.map(({ name }) => name)
        )
      )
    );
  }
  if (files > 0) {
    parts.push(
      changes.size
        ? trans._n(
            '%1 file (%2)',
            '%1 files (%2)',
            files,
            formatSize(changes.size)
          )
        : trans._n('%1 file', '%1 files', files)
    );
  }
  return parts.join(', ');
}

/** Files with something in them: what a container's runtime mounts over is empty. */
function fileCount({ added, changed, size }: IChanges): number {
  return size === 0 ? 0 : added + changed;
}

/** The first few of some names, and how many there are more. */
export function namesOf(
  trans: TranslationBundle,
  names: readonly string[],
  most = NAMED
): string {
  const more = names.length - most;
  const listed = names.slice(0, most).join(', ');
  return more > 0
    ? trans._n('%2 and %1 more', '%2 and %1 more', more, listed)
    : listed;
}
