// What is told of kernels that are in trouble.
import { Notification } from '@jupyterlab/apputils';
import { nullTranslator } from '@jupyterlab/translation';
import { KernelNews } from '../notices/kernelNews';
import { isNews } from '../model/launches';
import { IProblem } from '../client/wire';
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

const told = () =>
  Notification.manager.notifications.map(n => `${n.type}: ${n.message}`);

describe('KernelNews', () => {
  let shown: [string, IProblem][];
  let news: KernelNews;

  beforeEach(() => {
    Notification.dismiss();
    shown = [];
    news = new KernelNews(
      nullTranslator.load('jupyter_gpu_containers'),
      (name, problem) => {
        shown.push([name, problem]);
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

  it('shows the whole of it on demand', () => {
    news.tell('a.ipynb', makeLaunch('running', { warnings: [CHILD] }));
    const [{ options }] = Notification.manager.notifications;
    options.actions![0].callback(new MouseEvent('click'));
    expect(shown).toEqual([['a.ipynb', CHILD]]);
  });

  it('leaves the news of a death, and of a restart after it, to the notebook', () => {
    news.tell('a.ipynb', makeLaunch('running', { error: DIED }));
    news.tell('a.ipynb', makeLaunch('failed', { error: DIED }));
    news.tell('a.ipynb', makeLaunch('running', { warnings: [DIED] }));
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
