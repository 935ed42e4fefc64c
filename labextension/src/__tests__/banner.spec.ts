// The banner above a notebook's cells.
import { MainAreaWidget } from '@jupyterlab/apputils';
import { CommandRegistry } from '@lumino/commands';
import { Widget } from '@lumino/widgets';
import { NotebookBanner } from '../widgets/banner';
import { button, settled, trans } from './screen';

describe('NotebookBanner', () => {
  const CONTENT: NotebookBanner.IContent = {
    severity: 'error',
    title: trans.__('The kernel died'),
    text: 'Out of memory.',
    hint: 'Use less.',
    log: 'line 1\nline 2',
    actions: []
  };
  let panel: MainAreaWidget;
  let banner: NotebookBanner;
  let commands: CommandRegistry;

  async function say(content: NotebookBanner.IContent | null): Promise<void> {
    banner.content = content;
    await settled();
  }

  beforeEach(() => {
    commands = new CommandRegistry();
    panel = new MainAreaWidget({ content: new Widget() });
    banner = new NotebookBanner(panel, { commands, trans });
    Widget.attach(panel, document.body);
  });

  afterEach(() => panel.dispose());

  it('is hidden until it has something to say, and lives as long as its notebook', async () => {
    expect(panel.contentHeader.widgets).toEqual([banner]);
    expect(banner.isHidden).toBe(true);
    await say(CONTENT);
    expect(banner.isHidden).toBe(false);
    const alert = banner.node.querySelector('[role=alert]');
    expect(alert?.textContent).toBe('The kernel diedOut of memory.Use less.');
    await say(null);
    expect(banner.isHidden).toBe(true);
    expect(banner.node.textContent).toBe('');
    panel.dispose();
    expect(banner.isDisposed).toBe(true);
  });

  it('acts by commands', async () => {
    const execute = jest.fn();
    commands.addCommand('x:restart', {
      execute,
      describedBy: { args: { type: 'object', properties: {} } }
    });
    const action = {
      label: trans.__('Restart'),
      command: 'x:restart',
      args: { id: 'l1' }
    };
    await say({ ...CONTENT, actions: [action] });
    button(banner.node, 'Restart').click();
    expect(execute).toHaveBeenCalledWith({ id: 'l1' });
    expect(banner.content).not.toBeNull();
  });

  it('shows the log on demand, and another banner begins with it closed', async () => {
    await say(CONTENT);
    const log = () => banner.node.querySelector('pre')!.parentElement!;
    expect(log().hidden).toBe(true);
    button(banner.node, 'Show log').click();
    await settled();
    expect(log().hidden).toBe(false);
    expect(log().textContent).toBe('line 1\nline 2');
    const toggle = button(banner.node, 'Hide log');
    expect(toggle.getAttribute('aria-expanded')).toBe('true');
    expect(toggle.getAttribute('aria-controls')).toBe(log().id);
    await say({ ...CONTENT, text: 'Ended by signal 11.' });
    expect(log().hidden).toBe(true);
    await say({ ...CONTENT, log: '' });
    expect(banner.node.querySelector('pre')).toBeNull();
  });

  it('is put away by its reader', async () => {
    const onDismiss = jest.fn();
    await say({ ...CONTENT, onDismiss });
    button(banner.node, 'Dismiss').click();
    await settled();
    expect(onDismiss).toHaveBeenCalledTimes(1);
    expect(banner.isHidden).toBe(true);
  });

  it('takes no text as markup', async () => {
    await say({ ...CONTENT, text: '<b>x</b>', log: '<img src=x>' });
    expect(banner.node.querySelector('b, img')).toBeNull();
    expect(banner.node.textContent).toContain('<b>x</b>');
  });
});
