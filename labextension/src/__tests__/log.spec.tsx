// A kernel's log: its lines, the model that follows it, and the viewer.
import { nullTranslator } from '@jupyterlab/translation';
import { Signal } from '@lumino/signaling';
import { Widget } from '@lumino/widgets';
import { ILogOptions } from '../client/client';
import { RequestError } from '../client/requests';
import { ILaunch } from '../client/wire';
import { LogModel } from '../model/logModel';
import { LONGEST_LINE, LogText, MOST_LINES } from '../model/logText';
import { endOf, matching, statusOf } from '../model/logWords';
import { LogViewer } from '../widgets/logViewer';
import { makeLaunch } from './fakes';

const trans = nullTranslator.load('jupyter_gpu_containers');

/** A log whose parts a test hands out one by one. */
class Source {
  readonly asked: ILogOptions[] = [];

  read = async function* (
    this: Source,
    options: ILogOptions
  ): AsyncGenerator<string, void, void> {
    this.asked.push(options);
    for (;;) {
      const part = await new Promise<string | Error | null>(resolve => {
        this._give.push(resolve);
        options.signal?.addEventListener('abort', () => resolve(null));
      });
      if (part === null) {
        return;
      }
      if (part instanceof Error) {
        throw part;
      }
      yield part;
    }
  }.bind(this);

  /** Hand the next part out; null is the end. */
  async give(part: string | Error | null): Promise<void> {
    this._give.shift()?.(part);
    // the model has taken it when what was queued behind it has run
    await new Promise(resolve => setTimeout(resolve, 0));
  }

  private _give: ((part: string | Error | null) => void)[] = [];
}

function makeModel(launch?: ILaunch) {
  const source = new Source();
  const owner = {};
  const launchChanged = new Signal<object, ILaunch>(owner);
  const state = { launch };
  const model = new LogModel({
    id: 'launch',
    read: options => source.read(options),
    launch: () => state.launch,
    launchChanged
  });
  return { model, source, launchChanged, state };
}

describe('LogText', () => {
  it('makes lines of parts that end anywhere', () => {
    const text = new LogText();
    for (const part of ['on', 'e\ntw', 'o\n', '\nfour']) {
      text.add(part);
    }
    expect(text.lines).toEqual(['one', 'two', '', 'four']);
  });

  it('shows what a carriage return leaves, over parts too', () => {
    const text = new LogText();
    for (const part of [' 10%\r', ' 20%', '\r100%\r', '\nok\r\n', 'half\r']) {
      text.add(part);
    }
    expect(text.lines).toEqual(['100%', 'ok', 'half']);
  });

  it('keeps no more than it may', () => {
    const text = new LogText();
    text.add('x'.repeat(1_000_000));
    text.add(`y\n${'line\n'.repeat(MOST_LINES + 5)}`);
    expect(text.lines).toHaveLength(MOST_LINES);
    expect(text.dropped).toBe(6);
    text.clear();
    text.add('z'.repeat(LONGEST_LINE + 9));
    expect(text.lines).toEqual([`${'z'.repeat(LONGEST_LINE)}…`]);
  });
});

describe('LogModel', () => {
  it('follows, and ends', async () => {
    const { model, source } = makeModel();
    expect(model.state).toBe('waiting');
    await source.give('');
    expect(model.state).toBe('following');
    await source.give('one\n');
    expect(model.lines).toEqual(['one']);
    await source.give(null);
    expect(model.state).toBe('ended');
    expect(source.asked[0]).toMatchObject({ follow: true });
    model.dispose();
  });

  it('is paused, and read anew', async () => {
    const { model, source } = makeModel();
    await source.give('one\n');
    model.pause();
    expect(source.asked[0].signal?.aborted).toBe(true);
    await source.give('late\n');
    expect([model.state, model.lines]).toEqual(['paused', ['one']]);
    model.follow();
    await source.give('two\n');
    expect([model.state, model.lines]).toEqual(['following', ['two']]);
    model.dispose();
    expect(source.asked[1].signal?.aborted).toBe(true);
  });

  it('says why it failed', async () => {
    const { model, source } = makeModel();
    const problem = { code: 'launch_not_found', message: 'No.', hint: '' };
    await source.give(new RequestError(problem, 404));
    expect([model.state, model.problem]).toEqual(['failed', problem]);
    model.dispose();
  });

  it('tells that the launch says more of an end', async () => {
    const { model, source, launchChanged } = makeModel();
    const changed = jest.fn();
    model.changed.connect(changed);
    launchChanged.emit({ ...makeLaunch('running'), id: 'launch' });
    expect(changed).not.toHaveBeenCalled();
    await source.give(null);
    changed.mockClear();
    launchChanged.emit({ ...makeLaunch('running'), id: 'another' });
    expect(changed).not.toHaveBeenCalled();
    launchChanged.emit({ ...makeLaunch('running'), id: 'launch' });
    expect(changed).toHaveBeenCalledTimes(1);
    model.dispose();
  });
});

describe('words', () => {
  it.each([
    ['waiting', 0, 0, 'Loading…'],
    ['following', 0, 0, 'Nothing was written yet.'],
    ['following', 2, 0, '2 lines'],
    ['ended', 1, 0, '1 line'],
    ['following', 2, 9, 'The last 2 lines']
  ] as const)('%s with %i lines', (state, count, dropped, words) => {
    const lines = Array<string>(count).fill('x');
    expect(statusOf(trans, { state, lines, dropped }, count)).toBe(words);
  });

  it('counts what a filter leaves', () => {
    const lines = ['Error: a', 'b', 'an ERROR'];
    const left = matching(lines, 'error');
    expect(left).toEqual(['Error: a', 'an ERROR']);
    const model = { state: 'following' as const, lines, dropped: 0 };
    expect(statusOf(trans, model, left.length)).toBe('2 of 3 lines');
  });

  it('tells why a log ended', () => {
    const error = { code: 'out_of_memory', message: 'Killed.', hint: '' };
    const launch = makeLaunch('running');
    expect(endOf(trans, undefined)).toContain('gone');
    expect(endOf(trans, { ...launch, phase: 'failed', error })).toContain(
      'Killed.'
    );
    expect(endOf(trans, { ...launch, phase: 'cancelled' })).toContain(
      'shut down'
    );
    expect(endOf(trans, { ...launch, phase: 'running' })).toContain(
      'restarted'
    );
  });
});

describe('LogViewer', () => {
  async function shown() {
    const made = makeModel({ ...makeLaunch('running'), phase: 'cancelled' });
    const name = 'train.ipynb';
    const viewer = new LogViewer('launch', { model: made.model, name, trans });
    Widget.attach(viewer, document.body);
    await viewer.renderPromise;
    const change = async (part: string | null) => {
      await made.source.give(part);
      made.model.pause();
      await viewer.renderPromise;
      await new Promise(resolve => setTimeout(resolve, 0));
    };
    return { ...made, viewer, change };
  }

  const button = (viewer: LogViewer, label: string) =>
    [...viewer.node.querySelectorAll('jp-button, button')].find(node =>
      node.textContent?.includes(label)
    ) as HTMLElement;

  it('shows hostile lines as text and nothing else', async () => {
    const { viewer, change } = await shown();
    const hostile = '<img src=x onerror=alert(1)><script>1</script>&amp;';
    await change(`${hostile}\nsecond\n`);
    const pre = viewer.node.querySelector('pre');
    expect(pre?.textContent).toBe(`${hostile}\nsecond`);
    expect(viewer.node.querySelector('img, script')).toBeNull();
    expect(pre?.getAttribute('role')).toBe('log');
    viewer.dispose();
  });

  it('wraps lines or not, and stops following', async () => {
    const { viewer, model } = await shown();
    const pre = viewer.node.querySelector('pre');
    expect(pre?.dataset.wrap).toBe('true');
    button(viewer, 'Wrap').click();
    await new Promise(resolve => setTimeout(resolve, 0));
    expect(pre?.dataset.wrap).toBe('false');
    button(viewer, 'Follow').click();
    expect(model.state).toBe('paused');
    viewer.dispose();
  });

  it('says how it ended, and takes its model along', async () => {
    const { viewer, model, source } = await shown();
    await source.give('last words\n');
    await source.give(null);
    await new Promise(resolve => setTimeout(resolve, 0));
    expect(viewer.node.textContent).toContain(
      'The log has ended: the kernel was shut down.'
    );
    expect(viewer.node.textContent).toContain('last words');
    viewer.dispose();
    expect(model.isDisposed).toBe(true);
  });
});
