// What is told of kernels that died or are in trouble.
import { Notification } from '@jupyterlab/apputils';
import { nullTranslator } from '@jupyterlab/translation';
import { KernelNews } from '../notices/kernelNews';
import { isNews } from '../model/launches';
import { ILaunch, IProblem } from '../client/wire';
import { makeLaunch } from './fakes';

const LOST: IProblem = {
  code: 'gpu_lost',
  message: 'GPU 3 failed (Xid 79).',
  hint: 'Save.'
};
const CHILD: IProblem = {
  code: 'child_out_of_memory',
  message: 'A process was killed.',
  hint: ''
};
const DIED: IProblem = {
  code: 'out_of_memory',
  message: 'The kernel was killed.',
  hint: 'Use less.'
};

const CULLED: IProblem = {
  code: 'culled',
  message: 'The kernel was shut down by Jupyter Server: nobody used it.',
  hint: 'Start it again when you need it.'
};

const told = () =>
  Notification.manager.notifications.map(n => `${n.type}: ${n.message}`);

describe('KernelNews', () => {
  let shown: [string, IProblem][];
  let again: ILaunch[];
  let news: KernelNews;

  beforeEach(() => {
    Notification.dismiss();
    shown = [];
    again = [];
    news = new KernelNews(
      nullTranslator.load('jupyter_gpu_containers'),
      (name, problem) => {
        shown.push([name, problem]);
      },
      launch => {
        again.push(launch);
      }
    );
  });

  it('tells of each warning once', () => {
    const launch = makeLaunch('running', { warnings: [LOST] });
    news.tell('a.ipynb', launch);
    news.tell('a.ipynb', launch);
    expect(told()).toEqual(['warning: a.ipynb: GPU 3 failed (Xid 79).']);
    news.tell('a.ipynb', { ...launch, warnings: [LOST, CHILD] });
    expect(told().sort()).toEqual([
      'warning: a.ipynb: A process was killed.',
      'warning: a.ipynb: GPU 3 failed (Xid 79).'
    ]);
  });

  it('lets a fact about the start go by itself, and a warning stay', () => {
    const waived = { ...LOST, code: 'requirement_waived' };
    news.tell('a.ipynb', makeLaunch('running', { warnings: [waived, LOST] }));
    const closes = Notification.manager.notifications.map(each => [
      each.type,
      each.options.autoClose
    ]);
    expect(closes.sort()).toEqual([
      ['info', 8000],
      ['warning', false]
    ]);
  });

  it('puts right what was told of a death', () => {
    const launch = makeLaunch('failed', { error: DIED });
    news.tell('a.ipynb', launch);
    const more = `${DIED.message} It was not restarted automatically.`;
    news.tell('a.ipynb', { ...launch, error: { ...DIED, message: more } });
    expect(told()).toEqual([`error: a.ipynb: ${more}`]);
  });

  it('tells of another death after a restart', () => {
    const first = makeLaunch('failed', { error: DIED });
    news.tell('a.ipynb', first);
    const at = '2026-11-21T05:00:00.000Z';
    const phases = [
      ...first.phases,
      { phase: 'running' as const, at },
      { phase: 'failed' as const, at }
    ];
    news.tell('a.ipynb', { ...first, phases });
    expect(told()).toHaveLength(2);
  });

  it('shows the whole of it on demand', () => {
    news.tell('a.ipynb', makeLaunch('failed', { error: DIED }));
    const [{ options }] = Notification.manager.notifications;
    options.actions![0].callback(new MouseEvent('click'));
    expect(shown).toEqual([['a.ipynb', DIED]]);
  });

  it('says that an idle kernel was stopped, and starts it again', () => {
    const launch = makeLaunch('cancelled', { error: CULLED });
    news.tell('a.ipynb', launch);
    news.tell('a.ipynb', { ...launch });
    expect(told()).toEqual([`warning: a.ipynb: ${CULLED.message}`]);
    const [{ options }] = Notification.manager.notifications;
    const [start, details] = options.actions!;
    expect([start.label, start.caption, details.label]).toEqual([
      'Start again',
      'Start PyTorch 25.08 · 1 GPU',
      'Details'
    ]);
    start.callback(new MouseEvent('click'));
    details.callback(new MouseEvent('click'));
    expect(again).toEqual([launch]);
    expect(shown).toEqual([['a.ipynb', CULLED]]);
  });

  it('says nothing of a kernel that is about to be stopped', () => {
    news.tell('a.ipynb', makeLaunch('running', { error: CULLED }));
    expect(told()).toEqual([]);
  });

  it('says nothing of a kernel that is well, or was shut down', () => {
    news.tell('a.ipynb', makeLaunch('running'));
    news.tell('a.ipynb', makeLaunch('cancelled', { error: DIED }));
    expect(told()).toEqual([]);
  });
});

describe('isNews', () => {
  const running = makeLaunch('running');

  it('takes in what changed within a phase', () => {
    expect(isNews(running, { ...running, warnings: [LOST] })).toBe(true);
    expect(isNews(running, { ...running })).toBe(false);
  });

  it('never goes back', () => {
    const starting = makeLaunch('starting', { warnings: [LOST] });
    expect(isNews(running, starting)).toBe(false);
  });
});
