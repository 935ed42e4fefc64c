// The dialog that asks what an image is to be made of.
import { Dialog } from '@jupyterlab/apputils';
import { TranslationBundle } from '@jupyterlab/translation';
import { FormDialog } from './formDialog';
import { IGpuContainersModel } from '../tokens';
import { BuildForm, IBuildInput } from '../forms/buildForm';
import { INewBuild } from '../client/wireImages';

/** What is to be built under which name. */
export interface IWantedBuild {
  reference: string;
  build: INewBuild;
}

/** Ask for a build; null where none is wanted. */
export async function askForBuild(options: {
  model: IGpuContainersModel;
  trans: TranslationBundle;
  reference?: string;
  build: INewBuild;
}): Promise<IWantedBuild | null> {
  const { model, trans } = options;
  const bases = (model.images ?? []).flatMap(({ references }) => references);
  const input: IBuildInput = {
    reference: options.reference ?? '',
    source: 'dockerfile',
    text: {},
    folder: options.build.folder ?? '',
    file: options.build.file ?? '',
    base: options.build.base ?? bases[0] ?? ''
  };
  if (options.build.folder !== undefined) {
    input.source = 'folder';
  }
  const dialog = new FormDialog<IBuildInput>({
    title: trans.__('Build an image'),
    body: new BuildForm({ trans, input, bases }),
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.okButton({ label: trans.__('Build') })
    ],
    focusNodeSelector: 'input'
  });
  const { button, value } = await dialog.launch();
  return button.accept && value ? wanted(value) : null;
}

/** What was put in, as the server wants it. */
export function wanted(input: IBuildInput): IWantedBuild | null {
  const { source, base } = input;
  const reference = input.reference.trim();
  const file = input.file.trim();
  const body = input.text[source] ?? '';
  if (!reference) {
    return null;
  }
  switch (source) {
    case 'folder':
      return {
        reference,
        build: { folder: input.folder.trim(), ...(file ? { file } : {}) }
      };
    case 'dockerfile':
      return { reference, build: { dockerfile: body } };
    case 'requirements':
      return { reference, build: { requirements: body, base: base.trim() } };
    case 'environment':
      return { reference, build: { environment: body, base: base.trim() } };
  }
}
