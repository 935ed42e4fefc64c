// The commands of pulls, pushes and logins. What their arguments leave open is asked for.
import { DisposableSet, IDisposable } from '@lumino/disposable';
import { CommandIDs } from './commandIds';
import {
  IImageCommandOptions,
  PALETTE,
  attempt,
  findImage,
  referenceArgs,
  text
} from './commandTools';
import { imageTitle } from '../model/format';
import { toProblem } from '../client/requests';
import { hasEnded, wantsLogin } from '../model/jobs';
import { NO_OBSTACLE, registryHost } from '../model/references';
import { IImageDetails, JobKind } from '../client/wireImages';

/** Bytes from which on a click on a row asks before they are downloaded. */
const ASK_FROM = 500e6;

/** Add the commands that speak to registries. */
export function addTransferCommands(
  options: IImageCommandOptions
): IDisposable {
  const { commands, model, jobs, registries, trans } = options;
  const isEnabled = () => model.available === true;
  const added = new DisposableSet();

  /** Pull or push to the end; where the registry wants a login, ask for it and try again. */
  const transfer = async (kind: JobKind, reference: string) => {
    for (;;) {
      const { id } = await jobs.start(kind, reference);
      const { error, state } = await jobs.settled(id);
      if (state !== 'failed' || !error || !wantsLogin(error.code)) {
        return;
      }
      const { askForLogin } = await import('../dialogs/loginDialog');
      const host = registryHost(reference);
      const problem = error;
      if (!(await askForLogin({ registries, trans, host, problem }))) {
        return;
      }
    }
  };

  /** Digests whose download was agreed to. */
  const agreed = new Set<string>();
  /** Whether an image may be downloaded: it is small, was agreed to before, or is now. */
  const mayPull = async (reference: string, title: string) => {
    let details: IImageDetails | null = null;
    try {
      details = await model.details(reference);
    } catch (reason) {
      if (!NO_OBSTACLE.includes(toProblem(reason).code)) {
        return true; // the pull says so, with a login where that helps
      }
    }
    const { digest = null, download = null } = details ?? {};
    if (
      (download !== null && download < ASK_FROM) ||
      (digest !== null && agreed.has(digest))
    ) {
      return true;
    }
    const { askToPull } = await import('../dialogs/pullDialog');
    const isAgreed = await askToPull(trans, title, reference, details);
    if (isAgreed && digest !== null) {
      agreed.add(digest);
    }
    return isAgreed;
  };

  added.add(
    commands.addCommand(CommandIDs.pull, {
      label: args =>
        findImage(model, { image: args.reference })
          ? trans.__('Pull Again')
          : trans.__('Pull'),
      caption: trans.__('Fetch what its registry has under this name now'),
      isEnabled,
      describedBy: {
        args: {
          type: 'object',
          required: ['reference'],
          properties: {
            reference: { type: 'string' },
            ask: {
              type: 'boolean',
              description: trans.__(
                'Whether to ask first where much is to be downloaded'
              )
            },
            title: {
              type: 'string',
              description: trans.__(
                'What the image is called where it is shown'
              )
            }
          }
        }
      },
      execute: async args => {
        const reference = text(args.reference) ?? '';
        const title = text(args.title) ?? reference;
        if (args.ask === true && !(await mayPull(reference, title))) {
          return false;
        }
        return attempt(trans, trans.__('%1 cannot be pulled', reference), () =>
          transfer('pull', reference)
        );
      }
    })
  );
  added.add(
    commands.addCommand(CommandIDs.push, {
      label: trans.__('Push…'),
      caption: trans.__('Send the image to a registry'),
      isEnabled,
      describedBy: {
        args: referenceArgs(
          trans.__('Name to push under; asked for if missing')
        )
      },
      execute: async args => {
        const image = findImage(model, args);
        let reference = text(args.reference);
        if (!reference && image) {
          const { askForName } = await import('../dialogs/imageDialogs');
          const title = trans.__('Push %1', imageTitle(image));
          const action = trans.__('Push');
          reference =
            (await askForName(trans, title, image, action)) ?? undefined;
        }
        if (!reference) {
          return false;
        }
        const name = reference;
        return attempt(
          trans,
          trans.__('%1 cannot be pushed', name),
          async () => {
            if (image && !image.references.includes(name)) {
              await model.tag(image.id, name);
            }
            await transfer('push', name);
          }
        );
      }
    })
  );
  added.add(
    commands.addCommand(CommandIDs.cancelJob, {
      label: trans.__('Cancel Pull or Push'),
      isEnabled,
      describedBy: {
        args: {
          type: 'object',
          required: ['id'],
          properties: {
            id: { type: 'string', description: trans.__('Id of the job') }
          }
        }
      },
      execute: async args => {
        const job = jobs.jobs.find(({ id }) => id === args.id);
        if (job && hasEnded(job)) {
          jobs.dismiss(job.id);
        } else if (job) {
          const title = trans.__('%1 cannot be cancelled', job.reference);
          await attempt(trans, title, () => jobs.cancel(job.id));
        }
      }
    })
  );
  added.add(
    commands.addCommand(CommandIDs.login, {
      label: trans.__('Log In to Registry…'),
      isEnabled,
      isVisible: isEnabled,
      describedBy: {
        args: {
          type: 'object',
          properties: {
            ...PALETTE,
            host: { type: 'string', description: 'nvcr.io' },
            username: { type: 'string' }
          }
        }
      },
      execute: async args => {
        const { askForLogin } = await import('../dialogs/loginDialog');
        const host = text(args.host);
        const username = text(args.username);
        return askForLogin({ registries, trans, host, username });
      }
    })
  );
  added.add(
    commands.addCommand(CommandIDs.logout, {
      label: trans.__('Log Out of Registry'),
      isEnabled,
      describedBy: {
        args: {
          type: 'object',
          required: ['host'],
          properties: { host: { type: 'string' } }
        }
      },
      execute: args => {
        const host = text(args.host) ?? '';
        return attempt(trans, trans.__('Still logged in to %1', host), () =>
          registries.logout(host)
        );
      }
    })
  );
  return added;
}
