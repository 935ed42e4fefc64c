// The report of a start: what it tells, and what it never does.
import { redacted, reportOf } from '../model/report';
import { IGpus, IStatus } from '../client/wire';
import { makeLaunch } from './fakes';
import PAIRS from './redaction.json';
import { GPU } from './screen';

const STATUS: IStatus = {
  version: '0.1.0',
  backend: 'docker',
  demo: false,
  engine: { name: 'Docker Engine', version: '20.10.24', api_version: '1.41' },
  problem: null,
  spares: { count: 0, memory: null, gpus: 0 },
  findings: []
};

const GPUS: IGpus = {
  driver: { version: '580.95.05', cuda_version: '13.0' },
  problem: null,
  gpus: [GPU, { ...GPU, uuid: 'GPU-2' }],
  links: [],
  max_per_kernel: null
};

describe('reportOf', () => {
  const launch = makeLaunch('failed', {
    path: 'secret-project/trials/train.ipynb',
    image: 'nvcr.io/nvidia/pytorch:25.08-py3',
    phases: [
      { phase: 'queued', at: '2026-11-22T18:00:00.000Z' },
      { phase: 'starting', at: '2026-11-22T18:00:01.500Z' },
      { phase: 'failed', at: '2026-11-22T18:00:04.000Z' }
    ],
    error: {
      code: 'kernel_exited',
      message: 'The container ended by itself with exit code 3.',
      hint: 'Check /home/ada/secret-project/trials/train.ipynb.',
      log: 'token=abc123\nlicence not accepted\n'
    }
  });
  const now = Date.parse('2026-11-22T18:01:00.000Z');
  const application = 'JupyterLab 4.6.6';

  it('tells what is known, in the order in which people look', () => {
    expect(reportOf({ launch, status: STATUS, gpus: GPUS, application, now }))
      .toBe(`Report of GPU containers for Jupyter
Extension    0.1.0
Application  JupyterLab 4.6.6
Engine       Docker Engine 20.10.24 (API 1.41)
Driver       580.95.05, CUDA 13.0
GPUs         2 × NVIDIA H100 80GB HBM3

Notebook     train.ipynb
Environment  PyTorch 25.08 · 1 GPU
Image        nvcr.io/nvidia/pytorch:25.08-py3
Has GPUs     0
Launch       l1
Made at      2026-11-22T18:01:00.000Z

Phases
  queued     2026-11-22T18:00:00.000Z  1.5 s
  starting   2026-11-22T18:00:01.500Z  2.5 s
  failed     2026-11-22T18:00:04.000Z

Error: kernel_exited
  The container ended by itself with exit code 3.
  Check …/train.ipynb.

Last lines of the log
  token=[hidden]
  licence not accepted
`);
  });

  it('says what is not known', () => {
    const report = reportOf({
      launch: { ...launch, error: null },
      status: null,
      gpus: null,
      application,
      now
    });
    expect(report).toContain('Engine       not known');
    expect(report).toContain('GPUs         none');
    expect(report).not.toContain('Error');
  });

  it('names no folder of the notebook, wherever it stands', () => {
    const log = 'cannot open secret-project/trials/data.csv\n';
    const error = { ...launch.error!, log };
    const report = reportOf({
      launch: { ...launch, error },
      status: STATUS,
      gpus: GPUS,
      application,
      now
    });
    expect(report).not.toContain('secret-project');
    expect(report).toContain('cannot open …/data.csv');
  });
});

describe('redacted', () => {
  // the same pairs hold the command line's reports (tests/model/test_redaction.py)
  it.each(PAIRS)('%s', (text, shown) => {
    expect(redacted(text)).toBe(shown);
  });
});
