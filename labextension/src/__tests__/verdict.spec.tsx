// A verdict's reasons: what each of them does to it, in words and by a sign.
import { ReactWidget } from '@jupyterlab/ui-components';
import * as React from 'react';
import { VerdictReasons } from '../widgets/verdict';
import { IReason, Severity } from '../client/wireImages';
import { show, trans } from './screen';

function reason(severity: Severity, message: string): IReason {
  return { code: `is_${severity}`, message, evidence: '', severity };
}

async function shown(reasons: IReason[]): Promise<Element[]> {
  const verdict = { verdict: 'likely' as const, gpus: [], reasons };
  const element = <VerdictReasons verdict={verdict} trans={trans} />;
  const { node } = await show(ReactWidget.create(element));
  return [...node.querySelectorAll('li')];
}

describe('VerdictReasons', () => {
  it('tells reasons apart by sign and word, not by colour alone', async () => {
    const rows = await shown([
      reason('problem', 'The driver is too old.'),
      reason('warning', 'The architecture is not told.'),
      reason('ok', 'There is room.'),
      reason('info', 'A kernel is inside.')
    ]);
    const signs = rows.map(row => row.querySelector('[role=img]')!);
    expect(signs.map(sign => sign.getAttribute('aria-label'))).toEqual([
      'Does not fit',
      'Not certain',
      'Fits',
      'Information'
    ]);
    expect(rows.map(({ textContent }) => textContent)).toEqual([
      '✗The driver is too old.',
      '⚠The architecture is not told.',
      '✓There is room.',
      'ℹA kernel is inside.'
    ]);
  });

  it('claims nothing where the server tells nothing', async () => {
    const older: Partial<IReason> = reason('ok', 'There is room.');
    delete older.severity;
    const [row] = await shown([older as IReason]);
    expect(row.querySelector('[role=img]')).toBeNull();
    expect(row.textContent).toBe('There is room.');
  });
});
