// The launcher's card that leads to containers before there is any environment.
import { ILauncher } from '@jupyterlab/launcher';
import cardSvg from '../../style/icons/containerCard.svg';
import { IGpuContainersModel } from '../tokens';
import { CommandIDs } from './commandIds';

/**
 * Add it, after the cards of kernels, as soon as the server is known to start containers.
 *
 * @param category - the launcher's name for notebooks, in the page's language
 */
export function addLauncherCard(
  launcher: ILauncher,
  model: IGpuContainersModel,
  category: string
): void {
  const add = () => {
    if (model.available !== true) {
      return;
    }
    model.changed.disconnect(add);
    launcher.add({
      command: CommandIDs.newNotebook,
      args: { isLauncher: true },
      category,
      kernelIconUrl: `data:image/svg+xml,${encodeURIComponent(cardSvg)}`
    });
  };
  model.changed.connect(add);
  add();
}
