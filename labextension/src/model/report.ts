// A report of a start or a death, for an issue or an administrator: plain text, without secrets.
import { IGpus, ILaunch, IStatus } from '../client/wire';

/** What a report is made of. */
export interface IReportFacts {
  launch: ILaunch;
  status: IStatus | null;
  gpus: IGpus | null;
  /** Of JupyterLab or Notebook: "JupyterLab 4.6.6". */
  application: string;
  /** Milliseconds since the epoch. */
  now: number;
}

/** In English whatever the page speaks: who reads it is mostly somebody else. */
export function reportOf(facts: IReportFacts): string {
  const { application, gpus, launch, now, status } = facts;
  const engine = status?.engine
    ? `${status.engine.name} ${status.engine.version} (API ${status.engine.api_version})`
    : (status?.problem?.code ?? 'not known');
  const driver = gpus?.driver
    ? `${gpus.driver.version}, CUDA ${gpus.driver.cuda_version ?? 'not known'}`
    : 'none, or not known';
  const lines = [
    'Report of GPU containers for Jupyter',
    field('Extension', status?.version ?? 'not known'),
    field('Application', application),
    field('Engine', status?.demo ? `${engine}, demo` : engine),
    field('Driver', driver),
    field('GPUs', gpuNames(gpus)),
    '',
    field('Notebook', baseName(launch.path) || 'none'),
    field('Environment', launch.display_name || launch.environment || 'new'),
    field('Image', launch.image || 'not known'),
    field('Has GPUs', String(launch.gpus.length)),
    field('Launch', launch.id || 'refused'),
    field('Made at', new Date(now).toISOString()),
    '',
    'Phases',
    ...phaseLines(launch, now)
  ];
  for (const warning of launch.warnings) {
    lines.push('', `Warning: ${warning.code}`, ...indented(warning.message));
  }
  if (launch.error) {
    const { code, hint, log, message } = launch.error;
    lines.push('', `Error: ${code}`, ...indented(message), ...indented(hint));
    if (log) {
      lines.push('', 'Last lines of the log', ...indented(log));
    }
  }
  const folder = launch.path.slice(0, launch.path.lastIndexOf('/') + 1);
  const text = lines.join('\n');
  return `${redacted(folder ? text.split(folder).join('…/') : text)}\n`;
}

function field(name: string, value: string): string {
  return `${name.padEnd(13)}${value}`;
}

function gpuNames(gpus: IGpus | null): string {
  const counts = new Map<string, number>();
  gpus?.gpus.forEach(({ name }) =>
    counts.set(name, (counts.get(name) ?? 0) + 1)
  );
  return (
    [...counts].map(([name, count]) => `${count} × ${name}`).join(', ') ||
    'none'
  );
}

function phaseLines({ phases }: ILaunch, now: number): string[] {
  return phases.map(({ phase, at }, index) => {
    const next = phases[index + 1];
    const end = next ? Date.parse(next.at) : now;
    const isEnd = phase === 'failed' || phase === 'cancelled';
    const lasted = ((end - Date.parse(at)) / 1000).toFixed(1);
    return `  ${phase.padEnd(11)}${at}${isEnd ? '' : `  ${lasted} s`}`;
  });
}

function indented(text: string): string[] {
  return text
    .split('\n')
    .filter(Boolean)
    .map(line => `  ${line}`);
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

const HIDDEN = '[hidden]';

/** What looks like a secret, with what is put in its place. */
const SECRETS: readonly [RegExp, string][] = [
  // PEM blocks; only the lines between tell something
  [
    /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(-----END [A-Z ]*PRIVATE KEY-----|$)/g,
    HIDDEN
  ],
  // a login in an address
  [/\b([a-z][a-z0-9+.-]*:\/\/)[^\s/@]+@/gi, `$1${HIDDEN}@`],
  [
    /\b(authorization\s*[:=]\s*)(?:(?:bearer|basic|token)\s+)?\S+/gi,
    `$1${HIDDEN}`
  ],
  [/\b(bearer|basic)\s+[\w+/.~-]{8,}=*/gi, `$1 ${HIDDEN}`],
  // NAME_TOKEN=…, "password": "…", ?token=…
  [
    /((?:token|secret|passw(?:or)?d|api[_-]?key|access[_-]?key|credential|cookie)\w*["']?\s*[:=]\s*)(?:"[^"\n]*"|'[^'\n]*'|[^\s"'&,;]+)/gi,
    `$1${HIDDEN}`
  ],
  // tokens by their looks: GitHub, Hugging Face, NVIDIA, GitLab, Slack, OpenAI, AWS, JWT
  [
    /\b(?:gh[opsu]_|github_pat_|hf_|nvapi-|glpat-|xox[abprs]-|sk-)[\w-]{8,}/g,
    HIDDEN
  ],
  [/\bA(?:KIA|SIA)[A-Z0-9]{16}\b/g, HIDDEN],
  [/\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*/g, HIDDEN],
  // anything long and random that is no digest, and no UUID of a GPU, launch or container
  [
    /(?<![\w:-])(?=[\w+/-]*\d)(?=[\w+/-]*[a-z])(?=[\w+/-]*[A-Z])[\w+-]{32,}={0,2}/g,
    HIDDEN
  ]
];

/** Folders of the machine that a path may name: what is there tells nothing of anybody. */
const DEVICES = /^\/(?:dev|proc|sys)\//;

/** A text without what looks like a secret, and with the last part alone of every path. */
export function redacted(text: string): string {
  const hidden = SECRETS.reduce(
    (before, [pattern, instead]) => before.replace(pattern, instead),
    text
  );
  return hidden
    .replace(
      // not in an address or an image reference, whose slashes follow a host
      /(?<![\w./~…-])(?!\/\/)(?:~|\.{1,2})?(?:\/[^\s/:?=&"'`<>()[\],;|]+)+\/?/g,
      path => (DEVICES.test(path) ? path : `…/${lastPart(path)}`)
    )
    .replace(/\b(file:\/\/)\S+/gi, '$1…');
}

function lastPart(path: string): string {
  const parts = path.split('/').filter(Boolean);
  return parts.length > 1 ? parts[parts.length - 1] : '';
}
