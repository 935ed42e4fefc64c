// The banner of a notebook that remembers: its words and actions, and the dialog that fetches.
import { IProblem } from '../client/wire';
import { IImageDetails } from '../client/wireImages';
import { RememberedForm } from '../forms/rememberedForm';
import { IRemembered, Whereabouts } from '../model/remembered';
import { IOfferOptions, gpusHere, offer } from '../notices/rememberedOffer';
import { FakeServer, TOO_OLD, json, makeModel } from './fakes';
import { GPU, IMAGE, rendered, settled, show, trans } from './screen';

const DIGEST = `sha256:${'a'.repeat(64)}`;
const OTHER = `sha256:${'b'.repeat(64)}`;
const NAME = 'nvcr.io/nvidia/pytorch:25.08-py3';
const EXACT = `nvcr.io/nvidia/pytorch@${DIGEST}`;
const REMEMBERED: IRemembered = {
  image: NAME,
  digest: DIGEST,
  kernel: 'python3',
  gpus: 2
};
const GPUS = {
  driver: null,
  problem: null,
  gpus: [GPU, { ...GPU, uuid: 'GPU-2' }],
  links: [],
  max_per_kernel: null
};
const RUNS = { verdict: 'compatible' as const, gpus: [], reasons: [] };
const POLICY: IProblem = {
  code: 'policy_image',
  message: 'Images of nvcr.io are not allowed here.',
  hint: 'Ask your administrator.'
};

function make(where: Whereabouts, more: Partial<IOfferOptions> = {}) {
  const content = offer({
    path: 'train.ipynb',
    remembered: REMEMBERED,
    where,
    profile: null,
    known: null,
    gpus: GPUS,
    problem: null,
    trans,
    ...more
  });
  return { ...content, labels: content.actions.map(({ label }) => label) };
}

describe('offer', () => {
  it('is one click where the very image is here', () => {
    const { actions, hint, labels, text } = make({
      kind: 'here',
      image: IMAGE
    });
    expect(text).toBe(`Last run in ${NAME} (2 GPUs) — use it here?`);
    expect(hint).toBe('On this machine');
    expect(labels).toEqual(['Use It', 'Choose Another…', 'Not Now']);
    // what was shown is what is meant
    expect(actions[0].args).toEqual({
      path: 'train.ipynb',
      which: 'named',
      ...REMEMBERED
    });
  });

  it('says that there are fewer GPUs, or none', () => {
    const where: Whereabouts = { kind: 'here', image: IMAGE };
    const one = { ...GPUS, gpus: [GPU] };
    expect(make(where, { gpus: one }).hint).toContain('Here: 1 GPU');
    const none = { ...GPUS, gpus: [] };
    expect(make(where, { gpus: none }).hint).toContain('Here: CPU only');
    const limited = { ...GPUS, max_per_kernel: 1 };
    expect(gpusHere(REMEMBERED, limited)).toEqual({ gpus: 1 });
    expect(gpusHere(REMEMBERED, null)).toEqual({ gpus: 2 });
  });

  describe('of MIG instances', () => {
    const where: Whereabouts = { kind: 'here', image: IMAGE };
    const slice = { ...GPU, mig_profile: '1g.10gb+me', parent_uuid: 'GPU-1' };
    const slices = {
      ...GPUS,
      gpus: [
        { ...GPU, state: 'unavailable' as const },
        { ...slice, uuid: 'MIG-1' },
        { ...slice, uuid: 'MIG-2' },
        { ...slice, uuid: 'MIG-3', mig_profile: '3g.40gb' }
      ]
    };
    const mixed = { ...GPUS, gpus: [...slices.gpus, { ...GPU, uuid: 'G' }] };

    it('asks for the same size where it is here', () => {
      for (const profile of ['1g.10gb+me', '1g.10gb-me']) {
        expect(gpusHere(REMEMBERED, mixed, profile)).toEqual({
          gpus: 2,
          gpu_profile: '1g.10gb+me'
        });
      }
      const { hint, labels, text } = make(where, {
        gpus: mixed,
        profile: '3g.40gb'
      });
      expect(text).toBe(`Last run in ${NAME} (2 × 3g.40gb) — use it here?`);
      expect(hint).toContain('Here: 3g.40gb');
      expect(labels[0]).toBe('Use It');
    });

    it('gives no whole GPU for one without a word', () => {
      expect(gpusHere(REMEMBERED, GPUS, '1g.10gb')).toBeNull();
      const { actions, hint, labels } = make(where, { profile: '1g.10gb' });
      expect(hint).toContain('No MIG instance of this size here');
      expect(labels).toEqual(['Choose GPUs…', 'Not Now']);
      expect(actions[0].args).toEqual({
        path: 'train.ipynb',
        image: IMAGE.id
      });
      const away: Whereabouts = { kind: 'away', entry: null };
      expect(make(away, { profile: '1g.10gb' }).actions[0].args).toEqual({
        path: 'train.ipynb',
        image: NAME
      });
    });

    it('says where whole GPUs become instances', () => {
      const hint = make(where, { gpus: slices }).hint;
      expect(hint).toContain('Here: MIG instances');
      // a number means whole ones where there are any
      expect(make(where, { gpus: mixed }).hint).toContain('Here: 1 GPU');
    });
  });

  it('knows what a registry has told of the very image, and only of that', () => {
    const away: Whereabouts = { kind: 'away', entry: null };
    const known = { ...IMAGE, reference: NAME, on_engine: false, size: null };
    const told: IImageDetails = {
      ...{ ...known, download: 8.9e9, fetch_seconds: null, digest: DIGEST },
      ...{ platforms: [], verdict: RUNS }
    };
    expect(make(away, { known: told }).hint).toBe(
      'Runs here · 8.9 GB to download'
    );
    const another = { ...told, digest: OTHER };
    expect(make(away, { known: another }).hint).toBe('Not on this machine');
    const removed = { ...told, on_engine: true, download: 0 };
    expect(make(away, { known: removed }).hint).toBe('Not on this machine');
    const older: Whereabouts = { ...away, runsHere: true };
    expect(make(older).hint).toBe('Not on this machine · Runs here');
  });

  it('says where a name was moved, and offers both', () => {
    const { labels, severity, text } = make({ kind: 'moved', image: IMAGE });
    expect(severity).toBe('warning');
    expect(text).toContain('this name stands for another image now');
    expect(labels.slice(0, 2)).toEqual([
      'Use This Machine’s',
      'Get the Same One…'
    ]);
  });

  it('asks further before it fetches', () => {
    const { hint, labels } = make({ kind: 'away', entry: null });
    expect(hint).toBe('Not on this machine');
    expect(labels[0]).toBe('Use It…');
  });

  it('says why it cannot be, in the words of who forbids it', () => {
    const image = { ...IMAGE, problem: POLICY };
    const { hint, labels } = make({ kind: 'here', image });
    expect(hint).toBe(`${POLICY.message} ${POLICY.hint}`);
    expect(labels).toEqual(['Choose Another…', 'Not Now']);
    const away: Whereabouts = { kind: 'away', entry: null };
    expect(make(away, { problem: POLICY }).labels).toEqual(labels);
  });
});

describe('RememberedForm', () => {
  const details = (more: Partial<IImageDetails>): IImageDetails => ({
    ...IMAGE,
    reference: NAME,
    on_engine: false,
    size: null,
    download: 8.9e9,
    fetch_seconds: null,
    digest: DIGEST,
    platforms: [],
    verdict: { verdict: 'compatible', gpus: [], reasons: [] },
    ...more
  });

  async function open(
    answers: Record<string, object>,
    isExact = false
  ): Promise<{ form: RememberedForm; server: FakeServer }> {
    const server = new FakeServer();
    for (const [reference, answer] of Object.entries(answers)) {
      server.answers.set(`GET images/${encode(reference)}`, answer);
    }
    const { model } = await makeModel(server);
    const remembered = REMEMBERED;
    const form = new RememberedForm({ model, remembered, isExact, trans });
    await show(form);
    await settled();
    await rendered(form);
    return { form, server };
  }
  const encode = (reference: string) =>
    reference.split('/').map(encodeURIComponent).join('/');
  const UNKNOWN = json(
    { code: 'tag_unknown', message: 'There is no such image.', hint: '' },
    404
  );

  it('fetches by name what is still the same', async () => {
    const { form } = await open({ [NAME]: details({}) });
    expect(form.getValue()).toBe(NAME);
    expect(form.node.textContent).toContain('8.9 GB to download');
    expect(form.node.querySelector('fieldset')).toBeNull();
  });

  it('has the reader choose where the name was moved', async () => {
    const { form } = await open({
      [NAME]: details({ digest: OTHER }),
      [EXACT]: details({ reference: EXACT })
    });
    expect(form.getValue()).toBe(EXACT);
    const radios = form.node.querySelectorAll<HTMLInputElement>('[type=radio]');
    expect([...radios].map(({ checked }) => checked)).toEqual([true, false]);
    radios[1].click();
    await rendered(form);
    expect(form.getValue()).toBe(NAME);
  });

  it('still has the very image where its name is gone', async () => {
    const { form } = await open({
      [NAME]: UNKNOWN,
      [EXACT]: details({ reference: EXACT })
    });
    expect(form.getValue()).toBe(EXACT);
  });

  it('asks for nothing but the very image where the name is taken', async () => {
    const { form, server } = await open({ [EXACT]: UNKNOWN }, true);
    expect(form.getValue()).toBeNull();
    expect(form.node.querySelector('[role=alert]')?.textContent).toContain(
      'There is no such image.'
    );
    expect(form.node.querySelector('input:invalid')).not.toBeNull();
    const asked = server.requests.map(({ what }) => what);
    expect(asked).not.toContain(`GET images/${encode(NAME)}`);
  });

  it('warns of what does not run here, and forbids what is forbidden', async () => {
    const warned = await open({ [NAME]: details({ verdict: TOO_OLD }) });
    expect(warned.form.getValue()).toBe(NAME);
    expect(warned.form.node.textContent).toContain('needs driver >= 570.26');
    const refused = await open({ [NAME]: details({ problem: POLICY }) });
    expect(refused.form.getValue()).toBeNull();
    expect(refused.form.node.textContent).toContain(POLICY.message);
  });
});
