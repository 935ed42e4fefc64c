// The dialogs of images: find one, read about one, warn, name, remove.
import { Dialog } from '@jupyterlab/apputils';
import { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import * as React from 'react';
import { imageTitle } from '../model/format';
import { FormDialog } from './formDialog';
import { IGpuContainersModel, IRegistriesModel } from '../tokens';
import { IImage } from '../client/wire';
import { IImageDetails, IVerdict } from '../client/wireImages';
import { AddImage } from '../forms/addImage';
import { ImageFacts } from '../widgets/imageFacts';
import { ImageName } from '../widgets/imageName';
import { NameForm } from '../forms/nameForm';
import { RemoveForm } from '../forms/removeForm';
import { VerdictReasons } from '../widgets/verdict';

/** What was chosen to be fetched. */
export interface IChosenImage {
  reference: string;
  /** null where the registry did not answer. */
  details: IImageDetails | null;
}

/** Find an image; null where none was chosen. */
export async function askForImage(
  options: {
    model: IGpuContainersModel;
    registries: IRegistriesModel;
    trans: TranslationBundle;
  },
  reference?: string
): Promise<IChosenImage | null> {
  const { trans } = options;
  let chosen: IChosenImage | null = null;
  const dialog = new FormDialog<void>({
    title: trans.__('Add an image'),
    body: new AddImage({
      ...options,
      reference,
      onPull: (reference, details) => {
        chosen = { reference, details };
        dialog.reject();
      }
    }),
    buttons: [Dialog.cancelButton({ label: trans.__('Close') })],
    focusNodeSelector: 'input'
  });
  dialog.addClass('jp-GpuContainers-wideDialog');
  await dialog.launch();
  return chosen;
}

/**
 * Show all that is known of an image.
 *
 * @param title - what it is called where it was chosen; by default by what is in it
 */
export async function showImage(
  trans: TranslationBundle,
  details: IImageDetails,
  title?: string
): Promise<void> {
  const references = details.references.length
    ? details.references
    : [details.reference];
  const body = React.createElement(
    React.Fragment,
    null,
    React.createElement(ImageName, { reference: references[0], trans }),
    React.createElement(ImageFacts, { details, trans })
  );
  await new FormDialog<void>({
    title: title ?? imageTitle({ ...details, references }),
    body: ReactWidget.create(body),
    buttons: [Dialog.okButton({ label: trans.__('Close') })]
  }).launch();
}

/**
 * Warn of an image that does not run here.
 *
 * @param action - label of the button that goes on: "Start Anyway"
 * @returns whether to go on
 */
export async function warnOfVerdict(
  trans: TranslationBundle,
  name: string,
  verdict: IVerdict,
  action: string
): Promise<boolean> {
  const body = React.createElement(VerdictReasons, { verdict, trans });
  const { button } = await new Dialog<void>({
    title: trans.__('%1 will probably not work here', name),
    body: ReactWidget.create(body),
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.warnButton({ label: action })
    ],
    defaultButton: 0
  }).launch();
  return button.accept;
}

/**
 * Ask under which name an image is to be known or pushed.
 *
 * @param action - label of the button that goes on
 * @returns a reference, or null
 */
export async function askForName(
  trans: TranslationBundle,
  title: string,
  image: IImage,
  action: string
): Promise<string | null> {
  const { button, value } = await new FormDialog<string>({
    title,
    body: new NameForm(trans, image),
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.okButton({ label: action })
    ],
    focusNodeSelector: 'input'
  }).launch();
  return (button.accept && value) || null;
}

/** Ask which names of an image are to be removed; empty where none are. */
export async function askForRemoval(
  trans: TranslationBundle,
  image: IImage
): Promise<string[]> {
  const { button, value } = await new Dialog<string[]>({
    title: trans.__('Remove %1?', imageTitle(image)),
    body: new RemoveForm(trans, image),
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.warnButton({ label: trans.__('Remove') })
    ],
    defaultButton: 0
  }).launch();
  return (button.accept && value) || [];
}
