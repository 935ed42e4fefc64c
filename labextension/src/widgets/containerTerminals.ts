// Terminals in containers: they are JupyterLab's own, but tell how they ended before they go.
import { CommandRegistry } from '@lumino/commands';
import { DisposableDelegate, IDisposable } from '@lumino/disposable';
import { ISignal } from '@lumino/signaling';
import { Title, Widget } from '@lumino/widgets';

/** How the server half names them. */
const NAME = /^\w+_container_[0-9a-f]{6}$/;
/** What their titles end with once the container has ended, and they have told why. */
const ENDED = / – container ended$/;

/** Milliseconds in which a terminal has taken in what was sent to it. */
const PARSING = 200;

/** As much of JupyterLab's terminals as is needed here. */
interface ITerminal extends IDisposable {
  readonly session: {
    readonly name: string;
    readonly disposed: ISignal<unknown, void>;
  };
  readonly title: Pick<Title<Widget>, 'label'>;
  setOption(option: 'closeOnExit', value: boolean): void;
}

/**
 * Keep terminals open whose container has ended: else what they say last is gone at once, and
 * nobody learns why. One whose shell was left closes as ever.
 */
export function keepEndedTerminals(commands: CommandRegistry): IDisposable {
  const onExecuted = (
    _: CommandRegistry,
    { id, result }: CommandRegistry.ICommandExecutedArgs
  ) => {
    if (id === 'terminal:create-new') {
      // who called it is told of a failure
      result.then(keep, () => undefined);
    }
  };
  commands.commandExecuted.connect(onExecuted);
  return new DisposableDelegate(() => {
    commands.commandExecuted.disconnect(onExecuted);
  });
}

/** Keep what a command has opened, where it is a terminal in a container. */
function keep(opened: unknown): void {
  const terminal = (opened as { content?: Partial<ITerminal> } | undefined)
    ?.content;
  if (isTerminal(terminal) && NAME.test(terminal.session.name)) {
    terminal.setOption('closeOnExit', false);
    terminal.session.disposed.connect(() => {
      // what the program wrote last is not on the screen yet, nor in the title
      setTimeout(() => {
        if (!terminal.isDisposed && !ENDED.test(terminal.title.label)) {
          terminal.dispose();
        }
      }, PARSING);
    });
  }
}

function isTerminal(
  content: Partial<ITerminal> | undefined
): content is ITerminal {
  return content?.session !== undefined && content.setOption !== undefined;
}
